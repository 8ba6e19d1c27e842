"""Who is killed with whom, and what the failover check makes of each way a recovery can go."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.sampling import Sample, Series
from stack.errors import CannotTell
from suites.check import Evidence
from suites.failover.recovery import Recovery, Thaw, waves
from suites.failover.test_services import test_service_recovers_by_itself as the_check


def service(name: str) -> Any:
    return SimpleNamespace(name=name, restart="unless-stopped")


STACK: Any = SimpleNamespace(
    profile=SimpleNamespace(
        recovery=lambda _name: timedelta(seconds=5), service=lambda _name: SimpleNamespace(must_serve=("shop",))
    ),
    where=lambda *_path: None,
)


def series(*good: bool) -> Series:
    return Series(tuple(Sample(float(n), 0.1, None if one else "503") for n, one in enumerate(good)))


def recovery(**changed: Any) -> Recovery:
    sound: dict[str, Any] = {
        "service": "till", "seconds": 2.0, "restarts": 1, "foreign": (), "outages": (("/", series(True, True)),),
        "together": ("till",), "edge": None,
    }  # fmt: skip
    return Recovery(**{**sound, **changed})


def test_critical_services_are_killed_alone_and_the_rest_together() -> None:
    tiers = {"a": "critical", "b": "important", "c": "critical", "d": "auxiliary"}

    assert waves([service(name) for name in tiers], tiers) == [["a"], ["c"], ["b", "d"]]
    assert waves([service("a")], tiers) == [["a"]]
    assert waves([], tiers) == []


def test_a_recovery_in_time_by_the_policy_alone_passes() -> None:
    the_check(STACK, service("till"), recovery(), Evidence())
    the_check(
        STACK, service("till"), recovery(thaw=Thaw(1.0, (("else", "not promised", series(False, True)),))), Evidence()
    )


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (recovery(seconds=None), "till: was not back 5 s after its process was killed"),
        (recovery(seconds=5.5), "till: was back after 5.5 s, expected 5 s"),
        (recovery(foreign=("restart",)), "did not recover by itself, the engine was asked to restart"),
        (recovery(restarts=0), "not by its restart policy"),
        (recovery(outages=(("the edge serves /", series(True, False, True)),)), "the edge serves /: not for 1.10 s"),
        (recovery(thaw=Thaw(6.0, ())), "was well again 6.0 s after a pause, expected 5 s"),
        (
            recovery(thaw=Thaw(1.0, (("shop", "the shop", series(False, True)),))),
            "while till was frozen: the shop: not for",
        ),
    ],
)
def test_any_other_recovery_fails(one: Recovery, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        the_check(STACK, service("till"), one, Evidence())


@pytest.mark.parametrize(
    "one",
    [
        recovery(outages=(("the edge serves /", series()),)),
        recovery(thaw=Thaw(1.0, (("shop", "the edge serves /", series()),))),
    ],
)
def test_what_was_never_asked_is_no_pass(one: Recovery) -> None:
    with pytest.raises(CannotTell, match="the edge serves /: was never asked"):
        the_check(STACK, service("till"), one, Evidence())


def test_what_nobody_promised_need_not_be_asked_while_frozen() -> None:
    the_check(STACK, service("till"), recovery(thaw=Thaw(1.0, (("else", "not promised", series()),))), Evidence())
