"""A page that a rate limit hid was not looked at: it is asked for again, and its absence is never taken for a refusal."""

from __future__ import annotations

from typing import cast

import pytest

from stack.errors import CannotTell
from suites.security import test_headers, test_rate
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules.web import Answer


class Edge:
    """Answers with one status after another."""

    def __init__(self, *statuses: int) -> None:
        self.left = list(statuses)

    def fetch(self, request: Request) -> Answer:
        return Answer(f"GET {request.path}", self.left.pop(0), (), b"")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_headers, "pause", lambda seconds: None)
    monkeypatch.setattr(test_rate, "pause", lambda seconds: None)


@pytest.mark.parametrize("statuses", [(200,), (429, 404), (503, 429, 200)])
def test_the_answer_behind_a_limit_is_the_one_that_counts(statuses: tuple[int, ...]) -> None:
    edge = cast(EdgeClient, Edge(*statuses))

    assert test_headers.unlimited(edge, Request("/.env")).status == statuses[-1]


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_refused_every_time_was_not_looked_at(status: int) -> None:
    with pytest.raises(CannotTell, match=rf"GET /.env was answered {status} 3 times, as by a limit"):
        test_headers.unlimited(cast(EdgeClient, Edge(status, status, status)), Request("/.env"))


@pytest.mark.parametrize(("statuses", "seen"), [((200,), 200), ((429, 503, 200), 200), ((429,) * 6, 429)])
def test_a_shared_limit_has_its_time_to_refill(statuses: tuple[int, ...], seen: int) -> None:
    edge = Edge(*statuses)

    assert test_rate.rested(cast(EdgeClient, edge), "198.51.100.7").status == seen
    assert not edge.left
