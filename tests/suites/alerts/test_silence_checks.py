"""ALR-DMS-001: a loss counts as noticed when it was in time, and an alarm means something only where there was none before."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from suites.alerts import switch
from suites.alerts.switch import Loss, is_heard, lose_each
from suites.alerts.test_silence import test_loss_of_the_alerting_is_noticed as the_check
from suites.check import Evidence


def loss(seconds: float | None) -> Loss:
    return Loss("Alertmanager", "the receiver", 9.0, seconds)


def test_losses_that_are_noticed_in_time_pass() -> None:
    the_check([loss(8.2), loss(9.9)], "receiver", Evidence())


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ([], "receiver: the watchdog does not reach it"),
        ([loss(8), loss(10.1)], "Alertmanager was noticed by the receiver after 10.1 s, expected within 9.0 s"),
        ([loss(None)], "Alertmanager was noticed by the receiver never, expected within 9.0 s"),
    ],
)
def test_a_loss_that_is_noticed_late_or_never_fails(losses: list[Loss], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        the_check(losses, "receiver", Evidence())


class Copy:
    """A scaled copy whose receiver and Prometheus notice what is killed, unless they are deaf."""

    def __init__(self, *, deaf: bool = False, blind: bool = False) -> None:
        self.down: set[str] = set()
        self.deaf, self.blind, self.beats = deaf, blind, 0
        self.stack: Any = SimpleNamespace(profile=SimpleNamespace(receiver=SimpleNamespace(service="receiver")))
        self.receiver = SimpleNamespace(watchdog=self.watchdog)
        rule = SimpleNamespace(kind="alerting", expression="up == 0", for_seconds=0.1)
        self.prometheus = SimpleNamespace(
            alerts=self.alerts,
            rules=lambda: [rule],
            flags=lambda: {"rules.alert.resend-delay": "50ms"},
            config=lambda: "global: {scrape_interval: 50ms, scrape_timeout: 50ms, evaluation_interval: 50ms}",
        )

    def watchdog(self) -> dict[str, Any]:
        gone = self.deaf or {"alertmanager-drill", "prometheus-drill"} & self.down
        self.beats += not gone
        return {"last_seen": self.beats or None, "alarm": bool(gone), "within_seconds": 0.1}

    def alerts(self) -> list[Any]:
        told = [SimpleNamespace(state="firing", labels={"service": "receiver"})]
        return told if "receiver" in self.down and not self.blind else []

    def kill(self, service: str) -> None:
        self.down.add(service)

    def start(self, service: str) -> None:
        self.down.discard(service)


def lost(monkeypatch: pytest.MonkeyPatch, copy: Any) -> list[Loss]:
    @contextmanager
    def stopped(fault: Any, _stack: object) -> Any:
        copy.kill(fault.service)
        yield
        copy.start(fault.service)

    monkeypatch.setattr(switch, "injected", stopped)
    monkeypatch.setattr(switch, "_HEARD_WITHIN", timedelta(seconds=0.2))
    return lose_each(copy)


def test_each_link_is_lost_and_noticed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lost(monkeypatch, Copy())

    assert [(one.link, one.noticed_by, one.is_noticed) for one in found] == [
        ("Prometheus", "the receiver", True),
        ("Alertmanager", "the receiver", True),
        ("receiver", "Prometheus", True),
    ]


def test_a_receiver_that_nobody_watches_is_lost_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.link for one in lost(monkeypatch, Copy(blind=True)) if not one.is_noticed] == ["receiver"]


def test_where_the_watchdog_is_not_heard_nothing_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    copy: Any = Copy(deaf=True)

    assert lost(monkeypatch, copy) == []
    assert copy.down == set()
    assert not is_heard(copy)
