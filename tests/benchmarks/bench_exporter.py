"""What a scrape of many wallets costs."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Sequence

from prometheus_client import generate_latest

from tests.benchmarks.figure import figure

_ANSWERS = {
    "get_balance": {"balance": 1, "unlocked_balance": 1, "per_subaddress": [{"num_unspent_outputs": 1}]},
    "get_height": {"height": 1},
}


class _Wallet(http.server.BaseHTTPRequestHandler):
    """A wallet RPC that answers at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer a call."""
        method = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["method"]
        body = json.dumps({"result": _ANSWERS[method]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@figure("Exporter: scrape of 50 wallets (simulated RPC servers)", unit="ms", at_most=150.0)
def fifty_wallets() -> Sequence[float]:
    """From the question to the whole text, connections kept; the simulated wallets share the exporter's process and
    core.
    """
    from exporter.collector import make_registry
    from exporter.config import Config, Endpoint

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Wallet)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    registry, collector = make_registry(Config(wallets=tuple(Endpoint(name=f"w{n}", url=url) for n in range(50))))
    try:
        generate_latest(registry)
        seen = []
        for _ in range(10):
            began = time.perf_counter()
            text = generate_latest(registry)
            seen.append((time.perf_counter() - began) * 1000)
            assert text.count(b"monero_wallet_balance_piconero{") == 50
        return seen
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
        collector.close()
