"""Ask every panel's queries of the stores themselves, give the stack something to show, and ask until the panels have moved.

Grafana is not needed for it: it would pass the same queries on to the same stores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import requests

from stack.clients.http import Refused
from stack.clients.loki import LogQueryRefused
from stack.clients.prometheus import QueryRefused
from stack.errors import CannotTell
from stack.journey import journey_of
from stack.timescale import longest_round
from stack.waiting import eventually
from suites.alerts.promql import selectors
from suites.observability.dashboards import Dashboard, Panel
from suites.observability.panel_units import wrong_unit
from suites.observability.shipping import OUTPUT, services

if TYPE_CHECKING:
    from stack.model import Stack

Answer = Mapping[str, float]
"""The value of each series of an answer, by its labels as text."""

_REQUESTS = ("/", "/api/listings", "/no-such-page")
_REQUESTS_EACH = 15
_WRITES = 4
_HELD_OPEN = 10
"""Connections that stay open until the panels have been asked, for a gauge that is only looked at now and then."""
_ROUNDS = 3
"""A series that begins with the stimulus has a rate only after a second scrape; the third is for a machine that is busy."""
_LATELY = timedelta(minutes=1)
_MOST_LINES = 5000
"""What Loki answers at most (its max_entries_limit_per_query); of more, the oldest minute's lines still differ."""
_EVERY = timedelta(seconds=1)


@dataclass
class Seen:
    """What became of one panel."""

    panel: Panel
    refused: list[str] = field(default_factory=list)
    """The stores' words about queries they don't take, and metrics that nobody provides."""
    has_data: bool = False
    moved: bool = False
    first: dict[str, Answer] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        """What is wrong with the panel: sentences."""
        name = self.panel.title
        found = [f"{name}: {why}" for why in self.refused]
        found += [f"{name}: {why}" for query in self.panel.queries if (why := wrong_unit(self.panel.unit, query))]
        if not self.panel.stimulus:
            found.append(f"{name}: its description does not say what it changes with")
        if self.refused:
            return found
        if not self.has_data:
            found.append(f"{name}: has no data")
        elif self.panel.is_moved and not self.moved:
            found.append(f"{name}: did not change with {self.panel.stimulus}")
        return found


def look(stack: Stack, dashboards: Iterable[Dashboard]) -> dict[str, list[Seen]]:
    """What every panel shows before and after the stimuli, by dashboard. Raises CannotTell when a store or the edge can't be asked."""
    seen = {dashboard.name: [Seen(panel) for panel in dashboard.panels] for dashboard in dashboards}
    every = [one for several in seen.values() for one in several]
    known = _once_scraped(stack, every)
    for one in every:
        _judge_queries(stack, one, known)
    asked = [one for one in every if not one.refused]

    def all_moved() -> bool:
        for one in asked:
            _ask_again(stack, one)
        return all(one.has_data and (one.moved or not one.panel.is_moved) for one in asked)

    with suppress(AssertionError):  # what stands still by now is what the checks are about
        held = _stimulate(stack)
        try:
            within = longest_round(stack.prometheus.config()) * _ROUNDS
            eventually(all_moved, within=within, every=_EVERY, what="every panel's data")
        finally:
            for session in held:
                session.close()
    return seen


def _once_scraped(stack: Stack, every: Iterable[Seen]) -> set[str]:
    """The metrics there are, once each target has had its chance of a scrape: right after a bring-up there are none."""
    asked = [query for one in every if one.panel.store == "prometheus" for query in one.panel.queries]
    wanted = {metric for query in asked for metric in _metrics(query)}
    known: set[str] = set()

    def all_there() -> bool:
        known.update(_known(stack))
        return wanted <= known

    with suppress(AssertionError):  # what is missing by then is a finding
        within = longest_round(stack.prometheus.config()) * _ROUNDS
        eventually(all_there, within=within, every=_EVERY, what="the first scrapes")
    return known


def _known(stack: Stack) -> set[str]:
    """The metrics there are: with samples, or announced by a target that has nothing to count yet."""
    prometheus = stack.prometheus
    announced = prometheus.metadata()
    parts = {f"{name}{part}" for name in announced for part in ("_bucket", "_sum", "_count", "_total")}
    return {*prometheus.metric_names(), *announced, *parts}


def _judge_queries(stack: Stack, one: Seen, known: set[str]) -> None:
    for query in one.panel.queries:
        try:
            one.first[query] = _answer(stack, one.panel.store, query)
        except (QueryRefused, LogQueryRefused) as error:
            one.refused.append(str(error))
            continue
        if one.panel.store == "prometheus":
            one.refused += [f"there is no metric {metric}" for metric in sorted(_metrics(query) - known)]
    if not one.panel.queries:
        one.refused.append("asks nothing")


def _metrics(query: str) -> set[str]:
    return {selector.metric for selector in selectors(query) if selector.metric}


def _ask_again(stack: Stack, one: Seen) -> None:
    for query in one.panel.queries:
        try:
            now = _answer(stack, one.panel.store, query)
        except Refused as error:
            raise CannotTell(f"a store answers {error.status}") from error
        one.has_data = one.has_data or bool(now)
        one.moved = one.moved or now != one.first[query]


def _answer(stack: Stack, store: str, query: str) -> Answer:
    """The query's values now; for a log query the lines themselves. What is not a number is no data."""
    if store == "prometheus":
        told = [(sample.labels, sample.value) for sample in stack.prometheus.query(query)]
    elif store == "loki" and query.lstrip().startswith("{"):
        lines = stack.loki.query_range(query, start=datetime.now(UTC) - _LATELY, limit=_MOST_LINES)
        return {f"{line.at_ns} {line.text}": 1.0 for line in lines}
    elif store == "loki":
        told = [(labels, value) for labels, value in stack.loki.measure(query)]
    else:
        raise CannotTell(f"nobody here can ask a data source of type {store!r}")
    return {json.dumps(dict(labels), sort_keys=True): value for labels, value in told if not math.isnan(value)}


def _stimulate(stack: Stack) -> Sequence[requests.Session]:
    """Requests, writes and log lines; returns connections that the caller closes. Raises CannotTell when the edge doesn't answer."""
    held: list[requests.Session] = []
    try:
        for _ in range(_HELD_OPEN):
            session = stack.edge.session()
            held.append(session)
            for path in _REQUESTS:
                session.get(path)
        for _ in range(_REQUESTS_EACH):
            for path in _REQUESTS:
                held[0].get(path)
    except requests.RequestException as error:
        raise CannotTell(f"the edge does not answer ({type(error).__name__}), so nothing was given to show") from error
    if stack.profile.journey:
        journey = journey_of(stack)
        for _ in range(_WRITES):
            journey.act()
    line = json.dumps({"level": "error", "event": "A sea trial: nothing is wrong, this is for a dashboard to show"})
    for service in services(stack)[:1]:
        stack.container(service).exec(["tee", OUTPUT], stdin=f"{line}\n".encode())
    return held
