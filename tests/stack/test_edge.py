"""The edge is spoken to by its name wherever its ports landed, with its certificate verified against its own CA."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from stack.edge import Edge
from stack.errors import CannotTell

NAME = "market.seatrial.test"


class Echo(BaseHTTPRequestHandler):
    """Answers with the Host header and its path; over plain HTTP it redirects to HTTPS."""

    def do_GET(self) -> None:
        secure = isinstance(self.connection, ssl.SSLSocket)
        self.send_response(200 if secure else 308)
        if not secure:
            self.send_header("Location", f"https://{self.headers['Host']}{self.path}")
        body = f"{self.headers['Host']} {self.path}".encode() if secure else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    cert, key = certificate(tmp_path, NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    secure, plain = (ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2))
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.01}) for s in (secure, plain)]
    for thread in threads:
        thread.start()
    yield Edge("127.0.0.1", secure.server_port, plain.server_port, NAME, cert)
    for server in (secure, plain):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


def test_a_path_is_asked_of_the_edge_by_its_name(edge: Edge) -> None:
    with edge.session() as session, session.get("/a?b=c") as answer:
        assert (answer.status_code, answer.text) == (200, f"{NAME} /a?b=c")


def test_a_redirect_to_https_is_followed_to_the_real_port(edge: Edge) -> None:
    with edge.session() as session, session.get(f"http://{NAME}/x") as answer:
        assert (answer.status_code, answer.text) == (200, f"{NAME} /x")


def test_a_host_header_of_ones_own_is_sent(edge: Edge) -> None:
    with edge.session() as session, session.get("/", headers={"Host": "other"}) as answer:
        assert answer.text == "other /"


def test_a_certificate_of_another_authority_is_refused(edge: Edge, tmp_path: Path) -> None:
    other, _ = certificate(tmp_path, "other")
    stranger = Edge(edge.address, edge.https_port, edge.http_port, NAME, other)

    with stranger.session() as session, pytest.raises(requests.exceptions.SSLError):
        session.get("/")


def test_a_certificate_for_another_name_is_refused(edge: Edge) -> None:
    renamed = Edge(edge.address, edge.https_port, edge.http_port, "elsewhere.test", edge.ca_file)

    with renamed.session() as session, pytest.raises(requests.exceptions.SSLError):
        session.get("/")


def test_a_port_that_is_not_published_is_an_open_question(tmp_path: Path) -> None:
    edge = Edge("127.0.0.1", None, None, NAME, tmp_path / "ca.crt")

    with pytest.raises(CannotTell, match="publishes no https port"):
        edge.port_of("https")
