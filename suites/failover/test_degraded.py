"""FLV-DEG: what a part's absence must not take with it. Who only looks around goes on; who orders is told to come back, and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.check import Area, Evidence, Impact, Level, Severity, check, over
from suites.failover.degraded import Survived, survive
from suites.failover.test_services import require_asked

if TYPE_CHECKING:
    from stack.model import Stack
    from stack.profile import Degraded


def cases(stack: Stack) -> list[tuple[Degraded, str]]:
    """The promises about services none of which was excluded by name, each with the ways of being away it covers."""
    kept = [case for case in stack.profile.degraded if not stack.excluded & set(case.without)]
    return [(case, absence) for case in kept for absence in case.absence]


@check(
    "FLV-DEG-001",
    title="Without wallets or chain, browsing works and orders are refused politely with nothing lost",
    area=Area.FAILOVER,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="An outage of one part that takes the whole shop with it costs every customer, and an order taken that nobody can pay costs trust.",
    remediation="Ask a dependency only for what needs it, with a short time-out; answer 503 with Retry-After and write nothing.",
    standards=("RFC 9110 15.6.4",),
)
@over(
    "case, absence",
    cases,
    reason="nothing is promised of a stack without some of its services: `[[degraded]] without = …` in a profile would enable it",
    ids=lambda item: f"{'+'.join(item[0].without)} {item[1]}",
)
def test_the_rest_goes_on(running: Stack, case: Degraded, absence: str, evidence: Evidence) -> None:
    seen = survive(running, case, absence)

    tell(case, absence, seen, evidence)
    wrong = complaints(case, seen)
    assert not wrong, f"{', '.join(case.without)} {absence}: " + "; ".join(wrong)
    for path, series in seen.served.items():
        require_asked(path, series)


def tell(case: Degraded, absence: str, seen: Survived, evidence: Evidence) -> None:
    """Keep what was promised and what was seen."""
    evidence.declared(
        f"without {', '.join(case.without)}: serves {', '.join(case.serves)}; refuses {', '.join(case.refuses) or 'nothing'}"
    )
    for path, series in seen.served.items():
        evidence.observed(f"{absence}: {path}: {len(series.samples)} answers, {series.failures} wrong")
    for refusal in seen.refusals[:1]:
        evidence.observed(
            f"{absence}: {refusal.why}, Retry-After {refusal.retry_after_seconds}; {len(seen.refusals)} such"
        )
        slowest = max(one.seconds for one in seen.refusals)
        evidence.measure(f"Slowest refusal without {case.without[0]}, {absence}", slowest, "s")
    if seen.back_seconds is not None:
        evidence.measure(
            f"Writes after {case.without[0]}, {absence}", seen.back_seconds, "s", objective=case.within_seconds
        )
    evidence.observed(f"{absence}: {seen.losses}")


def complaints(case: Degraded, seen: Survived) -> list[str]:
    """What was not as promised, in a sentence each."""
    found = [
        f"{path}: not served for {series.longest_outage:.2f} s ({series.first_complaint()})"
        for path, series in seen.served.items()
        if series.failures
    ]
    if case.refuses and seen.noticed_seconds is None:
        answered = seen.refusals[-1].why if seen.refusals else "every write was acknowledged"
        found.append(f"no write was refused with 503 and Retry-After within {case.within_seconds:g} s ({answered})")
    elif rude := [one for one in seen.refusals if not one.is_polite]:
        found.append(f"{rude[0].why}, expected status 503 with Retry-After")
    if seen.taken:
        found.append(f"{seen.taken[0].kind} {seen.taken[0].key} was acknowledged, expected a refusal")
    if seen.back_seconds is None:
        found.append(f"writes were not taken again {case.within_seconds:g} s after all was back")
    if seen.losses:
        found.append(f"of what was acknowledged: {seen.losses}")
    return found + seen.wrong_money
