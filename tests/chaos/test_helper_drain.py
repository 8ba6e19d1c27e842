"""What is under way through a helper when its fault is reverted: waited for while it can still come, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chaos.customers import PATIENCE_SECONDS
from chaos.faults import Blackhole, Latency, Reset, helper
from chaos.faults.helper import Place
from stack.errors import CannotTell

STANDING = "0 0 127.0.0.1:28001 172.18.0.4:40112\n"
HELPERS: list[tuple[dict[str, Any], Place]] = [({"Id": "a"}, Place(0)), ({"Id": "b"}, Place(1))]
NO_STACK: Any = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], str]], list[str]]:
    """Has the namespace answer as a function of the container says; gives who was asked."""

    def answering(says: Callable[[str], str]) -> list[str]:
        seen: list[str] = []

        def run(_stack: Any, container: dict[str, Any], *_argv: str) -> str:
            seen.append(container["Id"])
            return says(container["Id"])

        monkeypatch.setattr("chaos.netns.run", run)
        return seen

    return answering


def test_where_nothing_is_under_way_it_is_asked_once_and_not_waited_for(asked: Any) -> None:
    seen = asked(lambda _id: "")

    helper.drained(NO_STACK, HELPERS, within=timedelta(seconds=60))

    assert seen == ["a", "b"]


def test_an_answer_under_way_is_waited_for_until_it_has_come(asked: Any) -> None:
    left = [STANDING, STANDING, ""]
    seen = asked(lambda id: left.pop(0) if id == "a" else "")

    helper.drained(NO_STACK, HELPERS, within=timedelta(seconds=60))

    assert seen == ["a", "a", "a", "b"]


def test_a_connection_that_is_kept_costs_all_helpers_together_no_more_than_the_bound(asked: Any) -> None:
    seen = asked(lambda _id: STANDING)
    began = time.monotonic()

    helper.drained(NO_STACK, HELPERS, within=timedelta(seconds=0.3))

    assert 0.3 <= time.monotonic() - began < 60
    assert seen.count("a") > 1
    assert seen.count("b") == 1, "the second one got a time of its own"


def test_a_helper_that_has_gone_meanwhile_is_not_waited_for(asked: Any) -> None:
    def gone(_id: str) -> str:
        raise CannotTell("no such container")

    seen = asked(gone)

    helper.drained(NO_STACK, HELPERS, within=timedelta(seconds=60))

    assert seen == ["a", "b"]


def test_answers_are_waited_for_as_long_as_customers_are_patient_and_a_blackhole_has_none() -> None:
    assert Latency("nginx", "server-blue", 8000, 200).drains_within == timedelta(seconds=PATIENCE_SECONDS)
    assert Reset("nginx", "server-blue", 8000).drains_within == timedelta(seconds=PATIENCE_SECONDS)
    assert Blackhole("nginx", "server-blue", 8000).drains_within == timedelta(0)
