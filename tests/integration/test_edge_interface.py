"""The interface as customers meet it: through the edge, with wallets behind it, held to its description and to its limits."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stack.edge import Edge
from tests.integration.escrow_stack import escrow_stack
from tests.server.conformance import conformance


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with escrow_stack(f"st-interface-{os.getpid()}", 5000) as brought_up:
        yield brought_up.edge


def test_what_is_answered_through_the_edge_is_as_described(edge: Edge, tmp_path: Path) -> None:
    with edge.session() as session:
        description = session.get("/api/openapi.json").json()
    # What only machines inside may ask is not there for anybody outside, and a description can't say "not here".
    inside = ("--exclude-path", "/ready", "--exclude-path", "/metrics")
    # Slower than the edge's limit on everything; the limit on logins and accounts is met, and 429 is described too.
    paced = ("--rate-limit", "40/s", "--phases", "coverage,stateful")
    # The edge refuses strange verbs for the whole site; that each address names its own is asked of the server directly.
    of_the_server = ("--exclude-checks", "allow_header_conformance")

    found = conformance(
        f"https://localhost:{edge.https_port}", "--tls-verify", str(edge.ca_file), *inside, *paced, *of_the_server,
        target=edge, examples=3, folder=tmp_path, description=description,
    )  # fmt: skip

    assert found.code == 0, found.said
    assert "Tested: 16" in found.said


def test_registration_has_a_limit_of_its_own(edge: Edge) -> None:
    def tell(session: requests.Session, path: str) -> requests.Response:
        return session.post(path, json={"username": "", "password": ""})

    with edge.session() as session:
        answers = [tell(session, "/api/register") for _ in range(25)]
        browsing = session.get("/api/listings")

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["error"]["code"] == "too_many_requests"
    assert int(refused[0].headers["Retry-After"]) > 1
    assert browsing.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/metrics", b"", 404, "not_found"),
        ("GET", "/nope", b"", 404, "not_found"),
        ("BREW", "/api/listings", b"", 405, "method_not_allowed"),
        ("DELETE", "/api/listings", b"", 405, "method_not_allowed"),
        ("POST", "/api/listings", b"x" * 70_000, 413, "payload_too_large"),
    ],
)
def test_whoever_refuses_it_has_one_shape(
    edge: Edge, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    with edge.session() as session:
        answer = session.request(method, path, data=body)

    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"].count(".") == 1
    assert error["request_id"]
    assert answer.headers["Strict-Transport-Security"]


def test_a_body_that_does_not_come_is_not_waited_for(edge: Edge) -> None:
    context = ssl.create_default_context(cafile=str(edge.ca_file))
    with (
        socket.create_connection((edge.address, edge.https_port or 443), timeout=25) as plain,
        context.wrap_socket(plain, server_hostname=edge.server_name) as connection,
    ):
        head = f"POST /api/listings HTTP/1.1\r\nHost: {edge.server_name}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + json.dumps({"title": "x"}).encode())
        try:
            said = connection.recv(1000)
        except ConnectionResetError:  # the edge resets who timed out
            said = b""

    # Closed, with or without a word; a connection that is kept would have run into our own time-out.
    assert said == b"" or said.startswith(b"HTTP/1.1 408")
