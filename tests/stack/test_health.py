"""Waiting for health is patient with what may recover and short with what will not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from stack import health
from stack.errors import CannotTell, SeatrialError


def container(health: str, restarts: int = 0) -> dict[str, Any]:
    running = health not in {"exited", "dead", "restarting"}
    state = {"Status": "running", "Health": {"Status": health}} if running else {"Status": health}
    return {
        "Id": "x",
        "Name": "/p-loki-1",
        "Config": {"Labels": {"com.docker.compose.service": "loki"}},
        "State": state,
        "RestartCount": restarts,
    }


def driver(*moments: list[dict[str, Any]], said: str = "no space left\n") -> Any:
    """An engine that answers with each moment in turn and then with the last for ever."""
    answers: Iterator[list[dict[str, Any]]] = iter(moments)
    last = moments[-1]
    return SimpleNamespace(project="p", containers=lambda **_: next(answers, last), logs=lambda *_, **__: said)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_ASK_EVERY", timedelta(milliseconds=1))


def test_it_returns_when_all_are_well() -> None:
    health.await_health(driver([container("starting")], [container("healthy")]), ["loki"])


def test_a_service_that_was_sick_may_recover() -> None:
    health.await_health(driver([container("unhealthy")], [container("unhealthy")], [container("healthy")]), ["loki"])


@pytest.mark.parametrize(
    ("moments", "reason"),
    [
        ([[container("exited")]], "it exited, and last said: no space left"),
        ([[]], "its container is gone, and said nothing"),
        ([[container("restarting")], [container("restarting", health.CRASHES)]], "it crashed 4 times"),
    ],
)
def test_what_will_not_become_well_is_told_at_once_with_its_last_words(
    moments: list[list[dict[str, Any]]], reason: str
) -> None:
    with pytest.raises(SeatrialError, match=f"loki did not become healthy: {reason}"):
        health.await_health(driver(*moments), ["loki"])


def test_what_stays_sick_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SICK_FOR_SECONDS", 0.01)

    with pytest.raises(SeatrialError, match=r"it stayed unhealthy for 0\.01 s"):
        health.await_health(driver([container("unhealthy")]), ["loki"])


def test_what_is_late_is_named_with_its_state() -> None:
    with pytest.raises(SeatrialError, match=r"not healthy within 0\.05 s: loki \(starting\)"):
        health.await_health(driver([container("starting")]), ["loki"], within=timedelta(milliseconds=50))


def test_an_engine_that_goes_away_is_no_verdict_on_the_service() -> None:
    def gone(**_: Any) -> None:
        raise CannotTell("the engine went away")

    engine: Any = SimpleNamespace(project="p", containers=gone)

    with pytest.raises(CannotTell):
        health.await_health(engine, ["loki"], within=timedelta(milliseconds=20))
