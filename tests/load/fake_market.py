"""A marketplace that is as slow and as faulty as it is told to be, over TLS on loopback: what load must be able to see."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from load.profiles import Target

NAME = "market.seatrial.test"


@dataclass
class Temper:
    """How it answers; may be changed while it runs."""

    delay_seconds: float = 0.0
    fail_every: int = 0
    """Every n-th request is answered 500; 0 means none."""
    stalled_until: float = 0.0
    """Nothing is answered before this moment (monotonic)."""
    requests: int = 0
    sources: set[str] = field(default_factory=set)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for the name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "server.crt", folder / "server.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return crt, pem


@contextmanager
def fake_market(folder: Path) -> Iterator[tuple[Target, Temper]]:
    """Serve until the block ends; gives where, and the temper to change."""
    temper = Temper()
    crt, key = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def finish_request(self, request: object, client_address: object) -> None:
            # the handshake belongs to the connection's own thread
            with context.wrap_socket(request, server_side=True) as wrapped:  # type: ignore[call-overload]
                super().finish_request(wrapped, client_address)  # type: ignore[arg-type]

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up at the end of a run are no news."""

    with Server(("127.0.0.1", 0), handler(temper)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield Target("127.0.0.1", server.server_address[1], NAME, str(crt)), temper
        finally:
            server.shutdown()
            thread.join()


def handler(temper: Temper) -> type[BaseHTTPRequestHandler]:
    """The request handler of one market."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: dict[str, object]) -> None:
            temper.requests += 1
            temper.sources.add(self.client_address[0])
            preparing = self.path in ("/api/register", "/api/login", "/api/listings")
            if not preparing:
                threading.Event().wait(max(temper.delay_seconds, temper.stalled_until - time.monotonic()))
                if temper.fail_every and temper.requests % temper.fail_every == 0:
                    status, body = 500, {"error": "told to"}
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            listing = self.path.removeprefix("/api/listings/")
            self._answer(200, {"items": []} if "?" in self.path else {"id": listing})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = 200 if self.path == "/api/login" else 201
            self._answer(status, {"id": f"listing-{temper.requests}", "token": "token", "sequence": temper.requests})

    return Handler
