"""Three wallets and a daemon over HTTP, one thing at a time as the real ones, that can be told to misbehave."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

NAMES = ("buyer", "vendor", "arbiter", "daemon")
Fault = Literal["none", "error", "odd", "empty", "garbage", "nothing"]


class FaultyWallets:
    """What each is told, and what they know: subaddresses and a chain on which nothing happens."""

    def __init__(self) -> None:
        self.fault: Fault = "none"
        self.faulty: set[str] = set()
        self.slow_seconds = 0.0
        """How long a refresh takes; meanwhile a wallet answers nobody else, as the real one."""
        self.height = 100
        self.labels: dict[tuple[str, int], str] = {}
        self.calls: list[tuple[str, str]] = []
        self.released = threading.Event()

    def answer(self, name: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do as a wallet or the daemon would."""
        self.calls.append((name, method))
        match method:
            case "get_last_block_header" | "get_block_header_by_height":
                return {"block_header": {"height": params.get("height", self.height), "hash": "one chain"}}
            case "get_address":
                (minor,) = params["address_index"]
                label = self.labels.get((name, minor), "")
                return {"addresses": [{"address": f"subaddress {minor}", "label": label, "used": False}]}
            case "label_address":
                self.labels[name, params["index"]["minor"]] = params["label"]
            case "refresh":
                self.released.wait(self.slow_seconds)
        return {}


class _Server(http.server.HTTPServer):
    """Not threading: a wallet that is at work answers nobody."""

    def __init__(self, name: str, wallets: FaultyWallets) -> None:
        self.wallet, self.wallets = name, wallets
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Answer a call, in the way that was asked for."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wallets, name = self.server.wallets, self.server.wallet
        match wallets.fault if name in wallets.faulty else "none":
            case "none":
                self._say(
                    json.dumps({"result": wallets.answer(name, asked["method"], asked.get("params", {}))}).encode()
                )
            case "error":
                self._say(b'{"error": {"code": -1, "message": "internal error"}}')
            case "odd":
                self._say(b'{"result": ["not", "what", "was", "asked"]}')
            case "empty":
                self._say(b'{"result": {}}')
            case "garbage":
                self.wfile.write(b"\x00\xff no HTTP at all\r\n\r\n")
            case "nothing":
                wallets.released.wait(30)

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def faulty_wallets() -> Iterator[tuple[FaultyWallets, str]]:
    """Run them; yields what they are told by, and the server's setting that names them."""
    wallets = FaultyWallets()
    servers = [_Server(name, wallets) for name in NAMES]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield wallets, ",".join(f"{one.wallet}=http://127.0.0.1:{one.server_address[1]}" for one in servers)
    finally:
        wallets.fault = "none"
        wallets.released.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
