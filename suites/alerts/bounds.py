"""The longest an alert may take, from the configuration alone: what a drill's stopwatch is held against.

A cause is seen at the next scrape, which may take until its time-out (measured: whoever is gone does not refuse, and the
scrape waits in vain); judged at the next evaluation; held for `for`, which is counted in whole evaluations; sent to
Alertmanager; and told after the group's wait. It ends the other way round, with the group's interval: a scrape that waits for
somebody who is away still holds up the next one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from stack.timescale import milliseconds


@dataclass(frozen=True)
class Timers:
    """What of a configuration decides how soon somebody hears of an alert; in seconds."""

    scrape: float
    timeout: float
    """How long one scrape may take."""
    evaluation: float
    held: float
    """The rule's `for`."""
    group_wait: float
    group_interval: float
    lookback: float = 0.0
    """How long the end of a cause stays hidden in a range or the lookback; 0 when the series itself says that it ended."""

    @property
    def fire(self) -> timedelta:
        """scrape with its time-out + evaluation + `for` rounded up + group_wait (faults.md)."""
        held = math.ceil(self.held / self.evaluation) * self.evaluation
        return timedelta(seconds=self.scrape + self.timeout + self.evaluation + held + self.group_wait)

    @property
    def resolve(self) -> timedelta:
        """scrape with its time-out + evaluation + range + group_interval (faults.md)."""
        return timedelta(seconds=self.scrape + self.timeout + self.evaluation + self.lookback + self.group_interval)


def timers(
    prometheus: str, alertmanager: str, held_seconds: float, labels: Mapping[str, str], *, job: str = ""
) -> Timers:
    """The timers an alert with these labels is subject to, from both programs' loaded configurations (YAML)."""
    told = yaml.safe_load(prometheus)
    world = told["global"]
    own: Mapping[str, Any] = next((j for j in told.get("scrape_configs") or [] if j["job_name"] == job), {})
    route = route_of(yaml.safe_load(alertmanager)["route"], labels)
    return Timers(
        scrape=_seconds(own.get("scrape_interval") or world.get("scrape_interval", "1m")),
        timeout=_seconds(own.get("scrape_timeout") or world.get("scrape_timeout", "10s")),
        evaluation=_seconds(world.get("evaluation_interval", "1m")),
        held=held_seconds,
        group_wait=_seconds(route.get("group_wait", "30s")),
        group_interval=_seconds(route.get("group_interval", "5m")),
    )


def route_of(route: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The route that takes an alert, with what it inherits: the first child that matches, as deep as one does."""
    inherited = {key: value for key, value in route.items() if key not in ("routes", "matchers", "match", "match_re")}
    for child in route.get("routes") or []:
        if all(matches(matcher, labels) for matcher in _matchers(child)):
            return route_of({**inherited, **child}, labels)
    return inherited


def _matchers(route: Mapping[str, Any]) -> list[str]:
    old = [f'{name} = "{value}"' for name, value in (route.get("match") or {}).items()]
    old += [f'{name} =~ "{value}"' for name, value in (route.get("match_re") or {}).items()]
    return [*(route.get("matchers") or []), *old]


def matches(matcher: str, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a matcher as Alertmanager writes it (`severity = "critical"`). Raises ValueError for another text."""
    name, how, wanted = parts_of(matcher)
    has = labels.get(name, "")
    same = bool(re.fullmatch(wanted, has)) if "~" in how else has == wanted
    return same != how.startswith("!")


def parts_of(matcher: str) -> tuple[str, str, str]:
    """A matcher's label, operator and value. Raises ValueError when it has none."""
    parts = re.fullmatch(r"""\s*(?P<name>[\w.]+)\s*(?P<how>=~|!~|!=|=)\s*"?(?P<value>[^"]*)"?\s*""", matcher)
    if parts is None:
        raise ValueError(f"{matcher!r} is no matcher")
    return parts["name"], parts["how"], parts["value"]


def _seconds(duration: str) -> float:
    return milliseconds(duration) / 1000
