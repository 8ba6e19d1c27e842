"""The application's own numbers against traffic that is known: a counter that misses requests makes every alert on it blind."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest

from stack.errors import CannotTell
from stack.journey import journey_of
from stack.waiting import eventually
from suites.business import write
from suites.check import Area, Evidence, Impact, Level, Severity, check, over
from suites.observability import money, traffic
from suites.observability.exposition import Exposition, applications, of_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack.model import Stack
    from stack.profile import ApplicationMetrics
    from suites.load.escrows import Sailed

T = TypeVar("T")

_COUNTED_WITHIN = timedelta(seconds=5)
"""An answer is out before its request is counted."""
_ROUNDS = 3
"""Somebody else's request can make a counter move too far once; not in every round."""
_MOST_WRITES = 12


def aspects(stack: Stack) -> list[str]:
    """What can be held against known traffic here."""
    said = stack.profile.application_metrics
    if said is None or not applications(stack):
        return []
    has_money = said.escrows is not None and stack.profile.chain is not None
    return [
        "requests",
        *(["writes"] if said.counted and stack.profile.journey else []),
        *(["escrows"] if has_money else []),
    ]


@check(
    "OBS-APP-001",
    title="Rate, error, duration and escrow metrics move with traffic and by the right amount",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Alerts and objectives are computed from these numbers; one that counts wrongly is believed all the same.",
    remediation="Count each request once, in one place around all others, by its route's template, and each write where it is acknowledged.",
    standards=("RED method",),
)
@over(
    "aspect", aspects, reason="nothing is promised of an application's numbers: `[application_metrics]` would enable it"
)
def test_metrics_move_with_the_traffic(
    request: pytest.FixtureRequest, running: Stack, aspect: str, evidence: Evidence
) -> None:
    said = running.profile.application_metrics
    assert said is not None

    if aspect == "escrows":
        wrong = of_escrows(request.getfixturevalue("escrows"), said, evidence)
    else:
        wrong = {"requests": of_requests, "writes": of_writes}[aspect](running, said, evidence)

    assert not wrong, "; ".join(wrong)


def of_requests(stack: Stack, names: ApplicationMetrics, evidence: Evidence) -> list[str]:
    """Compare requests that were sent through the edge with what was counted and timed of them."""
    evidence.declared(f"{names.requests} and {names.duration} by {names.method_label} and {names.route_label}")

    def once() -> Compared:
        before = _scraped(stack)
        sent = traffic.send(stack.edge, names.probes)
        said = _settled(
            lambda: traffic.counted(names, before, _scraped(stack)), enough=lambda now: not traffic.missing(sent, now)
        )
        for (route, status), count in sorted(sent.answers.items()):
            heard = said.answers.get((route, status), 0)
            evidence.observed(f"GET {route} with {status}: {count} answered, {heard:g} counted")
        for route, taken in sent.seconds.items():
            evidence.observed(f"GET {route}: {said.seconds.get(route, 0):.3f} s by its clock, {taken:.3f} s by ours")
        return Compared(traffic.missing(sent, said) + traffic.raw(sent, said), traffic.excess(sent, said))

    return _undisturbed(once)


def of_writes(stack: Stack, names: ApplicationMetrics, evidence: Evidence) -> list[str]:
    """Compare acknowledged writes with what they should have raised by one each."""
    for kind, several in names.counted.items():
        evidence.declared(f"{kind} raises {', '.join(several)} by one")

    def once() -> Compared:
        journey = journey_of(stack)  # a new one: its first writes are of kinds that it does not repeat
        before = _scraped(stack)
        acks: Counter[str] = Counter()
        while acks.total() < _MOST_WRITES and not acks.keys() >= names.counted.keys():
            acks[write(journey).kind] += 1
        if unseen := sorted(names.counted.keys() - acks.keys()):
            raise CannotTell(f"{acks.total()} writes of the journey had none of kind {', '.join(unseen)}")
        wanted = {name: acks[kind] for kind, several in names.counted.items() for name in several}
        said = _settled(
            lambda: _grown(before, _scraped(stack), wanted),
            enough=lambda now: all(now[name] >= count for name, count in wanted.items()),
        )
        for name, count in sorted(wanted.items()):
            evidence.observed(f"{name}: {count} acknowledged, {said[name]:g} counted")
        apart = {
            n: f"{n}: {count} acknowledged, {said[n]:g} counted" for n, count in wanted.items() if said[n] != count
        }
        fewer = [text for name, text in apart.items() if said[name] < wanted[name]]
        return Compared(fewer, [text for text in apart.values() if text not in fewer])

    return _undisturbed(once)


@dataclass(frozen=True)
class Compared:
    """What is wrong whoever else was there, and what somebody else's traffic may explain."""

    surely: list[str]
    perhaps: list[str]


def _undisturbed(compare: Callable[[], Compared]) -> list[str]:
    """Compare again where somebody else may have been the reason; not every time."""
    seen = compare()
    for _ in range(_ROUNDS - 1):
        if seen.surely or not seen.perhaps:
            break
        seen = compare()
    return seen.surely or seen.perhaps


def of_escrows(run: Sailed, names: ApplicationMetrics, evidence: Evidence) -> list[str]:
    """Compare escrows that were settled with what was counted of them, and with the gauges on the way."""
    said = names.escrows
    assert said is not None
    if not run.voyages:
        raise CannotTell("nothing could be ordered (LOAD-ESC-001), so nothing of escrows was to be counted")
    if unsettled := [one.order_id for one in run.voyages if not one.is_over]:
        raise CannotTell(f"{', '.join(unsettled)} was not settled (LOAD-ESC-001), so what to expect is not known")
    grew = money.counted(said, run.scrapes[0], run.scrapes[-1])
    for name, count in money.expected(run.voyages, said).items():
        evidence.observed(f"{name}: {count} by {len(run.voyages)} escrows, {grew.get(name, 0):g} counted")
    for name in (said.locked_piconero, said.disputes, said.active):
        evidence.observed(f"{name} on the way: {', '.join(f'{value:g}' for value in money.gauge(run.scrapes, name))}")
    return money.wrong_counters(run.voyages, said, run.scrapes) + money.wrong_gauges(run.voyages, said, run.scrapes)


def _scraped(stack: Stack) -> list[Exposition]:
    return [of_service(stack, service) for service in applications(stack)]


def _grown(before: list[Exposition], after: list[Exposition], names: dict[str, int]) -> dict[str, float]:
    return {name: sum(new.total(name) for new in after) - sum(old.total(name) for old in before) for name in names}


def _settled(ask: Callable[[], T], *, enough: Callable[[T], bool]) -> T:
    latest: list[T] = []

    def asked() -> bool:
        latest[:] = [ask()]
        return enough(latest[0])

    with suppress(AssertionError):  # what is missing by now is what the check is about
        eventually(asked, within=_COUNTED_WITHIN, every=timedelta(milliseconds=100), what="everything is counted")
    return latest[0]
