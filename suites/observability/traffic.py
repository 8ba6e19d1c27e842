"""Sends an application traffic whose every request is known, and holds what it counted against it, to the request."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from stack.errors import CannotTell
from suites.observability.exposition import Exposition, grown

if TYPE_CHECKING:
    from stack.edge import Edge
    from stack.profile import ApplicationMetrics

REQUESTS_EACH = (5, 7, 11, 13)
"""So many to the first path, the second …: different numbers, so that one counted under another's name is seen."""


@dataclass
class Sent:
    """Requests that were answered: how many of each kind, and their seconds as the client saw them."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By route template and status."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By route template."""
    tokens: set[str] = field(default_factory=set)
    """What was put into paths; none of it may turn up in a label."""


def send(edge: Edge, probes: Mapping[str, str]) -> Sent:
    """GET each path a few times. Raises CannotTell when an answer does not come, or comes from the edge's limits."""
    sent = Sent()
    with edge.session() as session:
        for index, (path, route) in enumerate(probes.items()):
            for _ in range(REQUESTS_EACH[index % len(REQUESTS_EACH)]):
                token = secrets.token_hex(12)
                sent.tokens.add(token)
                try:
                    answer = session.get(path.replace("{}", token))
                except requests.RequestException as error:
                    raise CannotTell(f"GET {path} was not answered ({type(error).__name__})") from error
                if answer.status_code == requests.codes.too_many_requests:
                    raise CannotTell(f"GET {path} was refused by a limit, so it may never have reached the application")
                sent.answers[route, answer.status_code] += 1
                sent.seconds[route] = sent.seconds.get(route, 0) + answer.elapsed.total_seconds()
    return sent


@dataclass(frozen=True)
class Counted:
    """What the application says of the time in between."""

    answers: dict[tuple[str, int], float]
    """GETs by route and status."""
    timed: dict[str, float]
    """GETs in the duration's histogram, by route."""
    seconds: dict[str, float]
    routes: frozenset[str]
    """Every value the route label has, whatever the method."""


def counted(names: ApplicationMetrics, before: Iterable[Exposition], after: Iterable[Exposition]) -> Counted:
    """Read the difference of two scrapes of the same applications."""
    answers: dict[tuple[str, int], float] = {}
    timed: dict[str, float] = {}
    seconds: dict[str, float] = {}
    routes: set[str] = set()
    for old, new in zip(before, after, strict=True):
        for labels, amount in grown(old.samples(names.requests), new.samples(names.requests)).items():
            said = dict(labels)
            route, status = said.get(names.route_label, ""), said.get(names.status_label, "")
            routes.add(route)
            if said.get(names.method_label) == "GET" and status.isdigit():
                answers[route, int(status)] = answers.get((route, int(status)), 0) + amount
        for sums, suffix in ((timed, "_count"), (seconds, "_sum")):
            name = names.duration + suffix
            for labels, amount in grown(old.samples(name), new.samples(name)).items():
                said = dict(labels)
                route = said.get(names.route_label, "")
                if said.get(names.method_label) == "GET":
                    sums[route] = sums.get(route, 0) + amount
    return Counted(answers, timed, seconds, frozenset(routes))


def missing(sent: Sent, said: Counted) -> list[str]:
    """What was answered and not counted; nobody else's traffic can make up for it."""
    return [
        f"{what}: {count} answered, {heard:g} {word}"
        for what, count, heard, word in _compared(sent, said)
        if heard < count
    ]


def excess(sent: Sent, said: Counted) -> list[str]:
    """What was counted or timed beyond what was answered; somebody else's traffic may be the reason."""
    more = [
        f"{what}: {count} answered, {heard:g} {word}"
        for what, count, heard, word in _compared(sent, said)
        if heard > count
    ]
    # Its clock runs on for a moment after an answer is out, so not the client's seconds are the bound but twice as many.
    return more + [
        f"GET {route}: its durations sum to {said.seconds.get(route, 0):.4f} s, expected more than 0 and at most {2 * taken:.4f} s"
        for route, taken in sent.seconds.items()
        if not 0 < said.seconds.get(route, 0) <= 2 * taken
    ]


def _compared(sent: Sent, said: Counted) -> Iterator[tuple[str, int, float, str]]:
    for (route, status), count in sent.answers.items():
        yield f"GET {route} with {status}", count, said.answers.get((route, status), 0), "counted"
    for route in sent.seconds:
        count = sum(number for (other, _), number in sent.answers.items() if other == route)
        yield f"GET {route}", count, said.timed.get(route, 0), "timed"


def raw(sent: Sent, said: Counted) -> list[str]:
    """Route labels that hold what only a path holds: each visitor would make a series of its own."""
    return [
        f"the route label is {route!r}, a path and no template"
        for route in sorted(said.routes)
        if any(token in route for token in sent.tokens)
    ]
