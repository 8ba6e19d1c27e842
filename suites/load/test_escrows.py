"""LOAD-ESC: the money. Orders that are paid for on the chain settle while everybody else browses and orders, and every piconero is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive
from suites.load.findings import note

if TYPE_CHECKING:
    from suites.load.escrows import Sailed


@check(
    "LOAD-ESC-001",
    title="Escrow journeys under load keep the money invariants",
    area=Area.LOAD,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Under load come the retries, the lock waits and the slow wallets that pay an order twice, or never.",
    remediation="Look at the order named: its timeline, its payouts in the books, and its transactions on the chain.",
)
def test_escrows_keep_the_money_invariants(escrows: Sailed, evidence: Evidence) -> None:
    tell(escrows, evidence)

    wrong = [*escrows.broken, *late(escrows)]

    assert not wrong, "; ".join(wrong)
    # Arrivals that came late are load all the same: of the generator, only what it never sent matters here.
    if escrows.load and escrows.load.never_made:
        inconclusive(f"they settled under another load than was asked for: {'; '.join(escrows.load.never_made)}")


def tell(run: Sailed, evidence: Evidence) -> None:
    """Keep the timelines, the load's own numbers and how many settle in a minute."""
    evidence.declared(f"settle_seconds = {run.objective_seconds:g}")
    rows = [(one.order_id, one.ending, one.state, f"{one.seconds:.1f}", ", ".join(one.payouts)) for one in run.voyages]
    evidence.table("escrows under load", ("order", "ending", "state", "seconds", "paid out by"), rows)
    for voyage in run.voyages[:1]:
        for seconds, event in voyage.timeline:
            evidence.moment(seconds, event)
    over = [one for one in run.voyages if one.is_over]
    if over:
        span = max(one.began + one.seconds for one in over) - min(one.began for one in run.voyages)
        evidence.measure("Settled escrows", 60 * len(over) / span, "a minute")
        evidence.measure("Slowest escrow", max(one.seconds for one in over), "s", objective=run.objective_seconds)
    if run.load:
        note(run.load, evidence)


def late(run: Sailed) -> list[str]:
    """The orders that were not settled in time, and how far they came."""
    limit = run.objective_seconds
    return [
        f"{one}; {'over' if one.is_over else 'not over'} after {one.seconds:.1f} s, expected its end within {limit:g} s"
        for one in run.voyages
        if not one.is_over or one.seconds > limit
    ]
