"""Take each link of the alerting away in turn, and see how soon something that is left notices.

Prometheus and Alertmanager are the scaled copy's own: they are instruments, ended by a signal and started again. The receiver
is the stack's, stopped as any fault is. Who is gone can't tell; so it is its absence that has to be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.faults.container import Stopped
from chaos.injection import injected
from stack.errors import CannotTell
from stack.timescale import milliseconds
from stack.waiting import eventually
from suites.alerts.bounds import timers
from suites.alerts.scaled_copy import ALERTMANAGER, PROMETHEUS, Drill

if TYPE_CHECKING:
    from stack.clients.prometheus import Rule

_JUDGES_EVERY = 1.0
"""Seconds: how often the receiver makes up its mind (its watchdog.py)."""
_ENDS_AFTER = 4
"""An alert ends this many resends after Prometheus last told of it (Prometheus, rules/manager.go: sendAlerts)."""
_EVERY = timedelta(milliseconds=200)
_HEARD_WITHIN = timedelta(seconds=40)


@dataclass(frozen=True)
class Loss:
    """One link taken away."""

    link: str
    noticed_by: str
    bound_seconds: float
    """Until it must be noticed, by the configuration (scaled)."""
    seconds: float | None
    """Until it was; None when it was not within twice the bound."""

    @property
    def is_noticed(self) -> bool:
        """Whether something that was left noticed in time; a second more for asking."""
        return self.seconds is not None and self.seconds <= self.bound_seconds + 1


def lose_each(running: Drill) -> list[Loss]:
    """Lose Alertmanager and the receiver together (each has another witness), then Prometheus. The copy is left without its Prometheus.

    Empty when the watchdog does not reach the receiver to begin with: then nothing is taken away, for its absence would tell
    nobody anything. Raises CannotTell when it does not come back in between, RevertFailed when the receiver doesn't.
    """
    endpoint = running.stack.profile.receiver
    if endpoint is None:
        raise CannotTell("the profile names no receiver: `[receiver] service = …, port = …` would")
    patience = float(running.receiver.watchdog()["within_seconds"]) + _JUDGES_EVERY
    if not is_heard(running):
        return []
    with injected(Stopped(endpoint.service), running.stack):
        running.kill(ALERTMANAGER)
        killed = time.monotonic()
        bound = _seen_down_within(running)
        receiver = _noticed(endpoint.service, "Prometheus", bound, lambda: _is_told_down(running, endpoint.service), since=killed)
        alertmanager = _noticed("Alertmanager", "the receiver", patience, lambda: is_silent(running), since=killed)
        running.start(ALERTMANAGER)
    if not is_heard(running):
        raise CannotTell("the watchdog does not come back after Alertmanager, so that the loss of Prometheus can't be told from it")
    resend = milliseconds(running.prometheus.flags().get("rules.alert.resend-delay", "1m")) / 1000
    evaluation = timers(running.prometheus.config(), "route: {}", 0, {}).evaluation
    running.kill(PROMETHEUS)
    killed = time.monotonic()
    ends = _ENDS_AFTER * max(resend, evaluation)
    prometheus = _noticed("Prometheus", "the receiver", ends + patience, lambda: is_silent(running), since=killed)
    return [prometheus, alertmanager, receiver]


def is_silent(running: Drill) -> bool:
    """Whether the copy's receiver says that it hears nothing any more."""
    return bool(running.receiver.watchdog()["alarm"])


def is_heard(running: Drill) -> bool:
    """Whether the copy's receiver hears the watchdog anew, within a while, and has no alarm."""
    before = running.receiver.watchdog()["last_seen"]

    def heard() -> bool:
        told = running.receiver.watchdog()
        return told["last_seen"] not in (None, before) and not told["alarm"]

    try:
        return eventually(heard, within=_HEARD_WITHIN, every=_EVERY, what="the watchdog at the receiver")
    except AssertionError:
        return False


def _noticed(link: str, by: str, bound: float, ask: Callable[[], bool], *, since: float) -> Loss:
    left = timedelta(seconds=max(0.0, since + 2 * bound - time.monotonic()))
    try:
        eventually(ask, within=left, every=_EVERY, what=f"the loss of {link}")
    except AssertionError:
        return Loss(link, by, bound, None)
    return Loss(link, by, bound, time.monotonic() - since)


def _is_told_down(running: Drill, service: str) -> bool:
    """Whether Prometheus has an alert firing that names the service."""
    return any(one.state == "firing" and one.labels.get("service") == service for one in running.prometheus.alerts())


def _seen_down_within(running: Drill) -> float:
    """The slowest of the rules about `up`, without the way to anybody: Prometheus is asked itself."""
    rules = [rule for rule in running.prometheus.rules() if rule.kind == "alerting" and _is_about_up(rule)]
    held = max((rule.for_seconds for rule in rules), default=0.0)
    return timers(running.prometheus.config(), "route: {group_wait: 0s}", held, {}).fire.total_seconds()


def _is_about_up(rule: Rule) -> bool:
    return "up" in rule.expression.replace("{", " ").replace("(", " ").split()
