"""A server that is told to end finishes what it has begun, and what it wrote meanwhile is JSON without a secret."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import threading
from datetime import timedelta
from pathlib import Path

import requests

from stack.waiting import eventually
from tests.server.process import KEY, Colour, running


def _head(length: int) -> bytes:
    head = "POST /api/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


def _is_draining(blue: Colour) -> bool:
    return '"event":"draining"' in (blue.folder / "blue.log").read_text(encoding="utf-8")


def test_a_request_that_is_half_there_at_sigterm_is_answered(tmp_path: Path) -> None:
    body = json.dumps({"username": "last-one", "password": "a password"}).encode()
    with (
        running(tmp_path, "blue", settings={"SEATRIAL_DRAIN_SECONDS": "1"}) as (blue,),
        socket.create_connection(("127.0.0.1", blue.port), timeout=20) as connection,
    ):
        connection.sendall(_head(len(body)) + body[:10])
        # Another request over and done with: the server has read the first one's head by then.
        assert requests.get(f"{blue.url}/health", timeout=10).status_code == 200
        codes: list[int] = []
        ending = threading.Thread(target=lambda: codes.append(blue.end(signal.SIGTERM)))
        ending.start()
        eventually(
            lambda: _is_draining(blue), within=timedelta(seconds=10), every=timedelta(milliseconds=20), what="it drains"
        )
        connection.sendall(body[10:])
        said = connection.makefile("rb").read()  # to the end: it closes the connection itself
        ending.join()

    assert said.startswith(b"HTTP/1.1 201 "), said
    assert b"connection: close" in said.lower()
    assert codes == [0]


def test_nobody_new_is_let_in_once_it_has_drained(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        assert blue.end(signal.SIGTERM) == 0
        with socket.socket() as late:
            assert late.connect_ex(("127.0.0.1", blue.port)) != 0


def test_every_line_of_its_log_is_json_with_a_request_s_id_and_no_secret(tmp_path: Path) -> None:
    password = secrets.token_urlsafe(12)
    with running(tmp_path, "blue") as (blue,):
        person = {"username": "dora", "password": password}
        requests.post(f"{blue.url}/api/register", json=person, timeout=10)
        answer = requests.post(f"{blue.url}/api/login", json=person, timeout=10)
        token = answer.json()["token"]
        requests.get(
            f"{blue.url}/api/orders?q=secret%20words", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        with socket.create_connection(("127.0.0.1", blue.port), timeout=10) as connection:
            connection.sendall(b"NO\r\nREQUEST\r\n\r\n")  # whatever the HTTP library says of it goes to the same place
            connection.makefile("rb").read()
        blue.end(signal.SIGTERM)
        written = (tmp_path / "blue.log").read_text(encoding="utf-8")

    lines = [json.loads(line) for line in written.splitlines()]
    assert {"database open", "request", "draining", "stopped"} <= {line["event"] for line in lines}
    assert all(line["request_id"] for line in lines if line["event"] == "request")
    assert any(line.get("request_id") == answer.headers["X-Request-ID"] for line in lines)
    assert [secret for secret in (password, token, "secret%20words", "secret words", KEY) if secret in written] == []
