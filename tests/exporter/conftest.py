"""A small real wallet RPC (HTTP with digest login) for the exporter's tests."""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

import pytest

USER, PASSWORD = "seatrial", "s3cret"
BALANCE: dict[str, Any] = {
    "balance": 9_007_199_254_740_991,
    "unlocked_balance": 5,
    "per_subaddress": [{"num_unspent_outputs": 2}, {"num_unspent_outputs": 3}],
}


@dataclass
class FakeWallet:
    """What the server answers, and what it saw.

    `answers` holds results by method; `raw` replaces the whole body, `challenge` the login that is asked for.
    """

    port: int = 0
    answers: dict[str, Any] = field(default_factory=lambda: {"get_balance": BALANCE, "get_height": {"height": 7}})
    raw: bytes | None = None
    status: int = 200
    challenge: str | None = None
    before_answer: Callable[[], None] = lambda: None
    drip_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    challenges: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


def _handler(wallet: FakeWallet, stop: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.nonce = secrets.token_hex(8)  # a nonce lives as long as the connection, as with monero

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self._is_logged_in():
                wallet.challenges += 1
                self.send_response(401)
                asked = f'Digest qop="auth",algorithm=MD5,realm="rpc",nonce="{self.nonce}"'
                self.send_header("WWW-Authenticate", wallet.challenge or asked)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            method = json.loads(body)["method"]
            wallet.asked.append(method)
            wallet.before_answer()
            answer = {"id": "0", "jsonrpc": "2.0", "result": wallet.answers.get(method)}
            content = wallet.raw if wallet.raw is not None else json.dumps(answer).encode()
            self.send_response(wallet.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                if wallet.drip_seconds:
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        if stop.wait(wallet.drip_seconds):
                            break
                else:
                    self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the exporter gave up, as it should

        def _is_logged_in(self) -> bool:
            scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
            if scheme != "Digest":
                return False
            given = parse_keqv_list(parse_http_list(rest))
            secret = _md5(f"{USER}:rpc:{PASSWORD}")
            asked = _md5(f"POST:{self.path}")
            expected = _md5(f"{secret}:{self.nonce}:{given['nc']}:{given['cnonce']}:auth:{asked}")
            return given["nonce"] == self.nonce and given["response"] == expected

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def make_wallet() -> Iterator[Callable[..., FakeWallet]]:
    """Start fake wallets; they end with the test."""
    stop = threading.Event()
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def make(**changes: Any) -> FakeWallet:
        wallet = FakeWallet(**changes)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(wallet, stop))
        server.daemon_threads = True
        wallet.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return wallet

    yield make
    stop.set()
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
