"""The running server is what its description says: Schemathesis asks everything, and finds a server that is not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.server.conformance import conformance
from tests.server.process import Colour, running


class _Wallet(BaseHTTPRequestHandler):
    """Answers, and answers no: orders are taken, and nothing is made of their escrows."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def _wallets(folder: Path) -> Iterator[dict[str, str]]:
    """The settings of a server with wallets, so that none of its answers is about having none."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Wallet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    names = ("buyer", "vendor", "arbiter")
    settings = {"SEATRIAL_WALLETS": ",".join(f"{name}={url}" for name in (*names, "daemon"))}
    for name in names:
        (folder / name).write_text("a password")
        settings[f"WALLET_{name.upper()}_RPC_PASSWORD_FILE"] = str(folder / name)
    try:
        yield settings
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _served_by(colour: Colour) -> Any:
    return requests.get(f"{colour.url}/api/openapi.json", timeout=10).json()


def test_the_server_answers_as_its_description_says_and_never_5xx(tmp_path: Path) -> None:
    with _wallets(tmp_path) as settings, running(tmp_path, "blue", settings=settings) as (blue,):
        found = conformance(blue.url, folder=tmp_path, description=_served_by(blue))

    assert found.code == 0, found.said
    assert "Tested: 18" in found.said


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("fails on deep pages", "Server error"),
        ("answers more than described", "Response violates schema"),
        ("takes what breaks a rule", "Schema-violating request accepted"),
    ],
)
def test_a_server_that_is_otherwise_is_found(tmp_path: Path, broken: str, told: str) -> None:
    settings = {"SEATRIAL_BROKEN": broken}
    with running(tmp_path, "blue", settings=settings, program="tests.server.broken_server") as (blue,):
        found = conformance(
            blue.url,
            "--include-operation-id",
            "listings_search",
            "--phases",
            "coverage",
            folder=tmp_path,
            description=_served_by(blue),
        )

    assert found.code == 1, found.said
    assert told in found.summary
