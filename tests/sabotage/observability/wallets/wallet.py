"""Answers as a wallet RPC with some money does, without a wallet: what dies here is the process, and no chain is needed for that."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESULTS = {
    "get_balance": {"balance": 7, "unlocked_balance": 5, "per_subaddress": [{"num_unspent_outputs": 2}]},
    "get_height": {"height": 9},
}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer the method by its name."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"id": "0", "jsonrpc": "2.0", "result": RESULTS[asked["method"]]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


ThreadingHTTPServer(("0.0.0.0", 18082), Handler).serve_forever()
