"""Holds what an application counted about escrows against what their own parties saw of them. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stack.settling import PRICE_PICONERO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.measured import EscrowMetrics
    from stack.settling import Voyage
    from suites.observability.exposition import Exposition

_STATES = ("funded", "shipped", "disputed", "released", "refunded")

Scrape = list["Exposition"]
"""One moment of all applications."""


def expected(voyages: Sequence[Voyage], names: EscrowMetrics) -> dict[str, int]:
    """By how much each counter has to grow for these escrows, all of them over."""
    states = Counter(event for one in voyages for _, event in one.timeline if event in _STATES)
    # The parties look now and then: a state that was passed between two looks was entered all the same.
    states["funded"] = len(voyages)
    states["shipped"] = sum(one.ending != "never shipped" for one in voyages)
    states["disputed"] = sum(one.ending != "release" for one in voyages)
    return {
        names.deposits: sum(len(one.deposited) for one in voyages),
        names.payouts: sum(len(one.payouts) for one in voyages),
        **{f"{names.transitions} to {state}": count for state, count in sorted(states.items())},
    }


def counted(names: EscrowMetrics, before: Scrape, after: Scrape) -> dict[str, float]:
    """By how much each counter grew."""

    def grew(name: str, **labels: str) -> float:
        return sum(new.total(name, **labels) for new in after) - sum(old.total(name, **labels) for old in before)

    return {
        names.deposits: grew(names.deposits),
        names.payouts: grew(names.payouts),
        **{f"{names.transitions} to {state}": grew(names.transitions, to_state=state) for state in _STATES},
    }


def gauge(scrapes: Sequence[Scrape], name: str) -> list[float]:
    """A gauge over time. All colours read it from the one database, so it is the largest they show and no sum."""
    return [max((one.total(name) for one in scrape), default=0.0) for scrape in scrapes]


def wrong_counters(voyages: Sequence[Voyage], names: EscrowMetrics, scrapes: Sequence[Scrape]) -> list[str]:
    """Counters that moved by anything else than these escrows moved them."""
    said = counted(names, scrapes[0], scrapes[-1])
    return [
        f"{name}: grew by {said.get(name, 0):g}, expected {count}"
        for name, count in expected(voyages, names).items()
        if said.get(name, 0) != count
    ]


def wrong_gauges(voyages: Sequence[Voyage], names: EscrowMetrics, scrapes: Sequence[Scrape]) -> list[str]:
    """Gauges that did not rise with these escrows, rose by another amount than theirs, or did not come back."""
    found = []
    for name, one_each, most in (
        (names.locked_piconero, PRICE_PICONERO, len(voyages)),
        (names.disputes, 1, sum(voyage.ending != "release" for voyage in voyages)),
        (names.active, 1, len(voyages)),
    ):
        base, *way, rest = gauge(scrapes, name)
        above = [value - base for value in way]
        if most and not any(above):
            found.append(f"{name}: stayed at {base:g} while {most} escrows went through it")
        if odd := [value for value in above if value % one_each or not 0 <= value <= most * one_each]:
            found.append(f"{name}: rose by {odd[0]:g}, expected a multiple of {one_each} up to {most * one_each}")
        if rest != base:
            found.append(f"{name}: is {rest:g} after all were settled, expected {base:g} as before")
    return found
