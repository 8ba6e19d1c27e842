"""Post alerts to the running Alertmanager as Prometheus would, and read at the receiver what arrived, by which way and with whom.

Each alert has a real rule's name and labels and a service that does not exist, so that it meets none of the stack's own; its
summary says what it is. They all end by themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from stack.clients.alertmanager import HeldAlert
from stack.clients.prometheus import Rule
from stack.clients.receiver import Delivery
from stack.waiting import eventually
from suites.alerts.bounds import matches, parts_of, timers

if TYPE_CHECKING:
    from stack.model import Stack

Labels = Mapping[str, str]
INSTANCES = ("one", "another")
_ANNOTATIONS = {
    "summary": "A sea trial: nothing is wrong, this was posted to see where it arrives",
    "description": "Posted by the checks ALR-ROUTE-001 and ALR-ROUTE-003; it ends by itself.",
}
_DELIVERY = timedelta(seconds=20)
"""Beyond the group's wait: the way to the receiver, on a machine that has other things to do."""
_EVERY = timedelta(milliseconds=500)


@dataclass(frozen=True)
class Pair:
    """A cause and what follows from it, by one of Alertmanager's inhibition rules."""

    cause: Labels
    consequence: Labels


@dataclass(frozen=True)
class Routing:
    """What was posted, and what became of it."""

    alone: tuple[Labels, ...]
    """One alert of each rule, with nothing that would inhibit it."""
    twice: Labels
    """The one of them that was posted for two instances of its service."""
    pairs: tuple[Pair, ...]
    deliveries: tuple[Delivery, ...]
    held: tuple[HeldAlert, ...]

    def receivers_of(self, labels: Labels) -> list[str]:
        """By which of Alertmanager's receivers an alert was delivered."""
        return sorted({one.receiver for one in self.deliveries if any(same(a.labels, labels) for a in one.alerts)})

    def messages_of(self, labels: Labels) -> list[Delivery]:
        """The messages in which an alert was delivered, firing."""
        return [one for one in self.deliveries if any(same(a.labels, labels) and a.status == "firing" for a in one.alerts)]

    def is_inhibited(self, labels: Labels) -> bool:
        """Whether Alertmanager holds the alert back because of another."""
        return any(same(one.labels, labels) and one.inhibited_by for one in self.held)


def same(told: Labels, posted: Labels) -> bool:
    """Whether an alert is the posted one (whatever instance of it)."""
    return all(told.get(name) == value for name, value in posted.items())


def route(stack: Stack) -> Routing:
    """Post one alert of each rule, and each pair of cause and consequence; wait until what must come has come, or the time is up."""
    prometheus, alertmanager, receiver = stack.prometheus, stack.alertmanager, stack.receiver
    rules = [one for one in prometheus.rules() if one.kind == "alerting" and one.name != stack.profile.alerts.watchdog]
    told = alertmanager.config()
    token = f"seatrial-{secrets.token_hex(4)}"
    alone = tuple({**one.labels, "alertname": one.name, "service": f"{token}-{one.name}"} for one in rules)
    pairs = pairs_of(yaml.safe_load(told), rules, token)
    began = datetime.now(UTC)
    waits = [timers(prometheus.config(), told, 0, labels).group_wait for labels in alone]
    within = timedelta(seconds=max(waits, default=0)) + _DELIVERY
    # Causes first: a consequence that comes before its cause may rightly be told.
    for labels in [*(one.cause for one in pairs), *(one.consequence for one in pairs), *alone]:
        alertmanager.post({**labels, "instance": INSTANCES[0]}, _ANNOTATIONS, lasting=within * 2)
    for labels in alone[:1]:
        alertmanager.post({**labels, "instance": INSTANCES[1]}, _ANNOTATIONS, lasting=within * 2)
    heard: list[Delivery] = []

    def all_came() -> bool:
        heard[:] = [one for one in receiver.deliveries(began) if any(token in a.labels.get("service", "") for a in one.alerts)]
        told_of = [a.labels for one in heard for a in one.alerts]
        return all(any(same(it, labels) for it in told_of) for labels in [*alone, *(one.cause for one in pairs)])

    with suppress(AssertionError):  # what has not come by now is what the checks are about
        eventually(all_came, within=within, every=_EVERY, what="the posted alerts")
    held = tuple(one for one in alertmanager.alerts() if token in one.labels.get("service", ""))
    return Routing(alone, alone[0] if alone else {}, pairs, tuple(heard), held)


def pairs_of(config: Mapping[str, Any], rules: Sequence[Rule], token: str) -> tuple[Pair, ...]:
    """For each inhibition rule, every alert it may silence together with a cause of it, each pair about a service of its own."""
    found: list[Pair] = []
    for number, inhibition in enumerate(config.get("inhibit_rules") or []):
        for rule in rules:
            consequence = {**rule.labels, "alertname": rule.name, "service": f"{token}-{number}-{rule.name}"}
            if not all(matches(one, consequence) for one in inhibition.get("target_matchers") or []):
                continue
            shared = {name: consequence[name] for name in inhibition.get("equal") or [] if name in consequence}
            wanted = {**_satisfying(inhibition.get("source_matchers") or []), **shared}
            own = next((one.labels for one in rules if one.name == wanted.get("alertname", rule.name)), {})
            cause = {"alertname": rule.name, **own, **wanted}
            if not same(consequence, cause):
                found.append(Pair(cause, consequence))
    return tuple(found)


def _satisfying(matchers: Iterable[str]) -> dict[str, str]:
    """Labels that satisfy matchers of equality; others are left open."""
    return {name: value for name, how, value in map(parts_of, matchers) if how == "="}
