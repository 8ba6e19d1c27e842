"""Why: Grafana can't be had on every machine, so the check is asked about programs that refuse, and that do not, as it would."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import cast

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Profile
from stack.promises import Endpoint
from suites.check import Evidence
from suites.security.test_dashboards import test_dashboards_refuse_strangers as the_check

OWN = "q8-Vd2mLx0Zr5"


@contextmanager
def dashboards(*let_in: tuple[str, str] | None) -> Iterator[Stack]:
    """A stack whose dashboards let in who is named (None: anybody) by basic authentication, and nobody else."""
    accepted = {"" if one is None else "Basic " + base64.b64encode(":".join(one).encode()).decode() for one in let_in}

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            opens = self.headers.get("Authorization", "") in accepted
            self.send_response(200 if opens else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stack_at(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stack_at(port: int) -> Stack:
    said = Endpoint(service="grafana", port=3000, user="admin", password_secret="GRAFANA_PASSWORD")
    made = SimpleNamespace(
        profile=Profile(dashboards=said), url=lambda _: f"http://127.0.0.1:{port}", secret=lambda _: OWN
    )
    return cast("Stack", made)


def test_dashboards_that_let_in_only_their_own_password_pass() -> None:
    evidence = Evidence()

    with dashboards(("admin", OWN)) as stack:
        the_check(stack, evidence)

    assert "nobody → 401; admin/admin → 401" in evidence.notes[0].text


@pytest.mark.parametrize(
    ("let_in", "said"),
    [(("admin", "admin"), "admin/admin is answered 200"), (None, "nobody is answered 200")],
)
def test_dashboards_that_let_in_strangers_fail(let_in: tuple[str, str] | None, said: str) -> None:
    with dashboards(("admin", OWN), let_in) as stack, pytest.raises(AssertionError, match=said):
        the_check(stack, Evidence())


def test_dashboards_that_refuse_even_their_own_password_show_nothing() -> None:
    with dashboards() as stack, pytest.raises(CannotTell, match="answers 401 to its own password"):
        the_check(stack, Evidence())


def test_dashboards_that_do_not_answer_are_inconclusive() -> None:
    with pytest.raises(CannotTell, match="does not answer"):
        the_check(stack_at(1), Evidence())
