"""Whether the objectives held, and whether this run may say so: a saturated generator measures itself.

Pure. A late generator voids the latencies, except where the requests were too slow even with its lateness taken off.
Errors stand: lateness makes none. Arrivals that were never made void everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from load.profiles import LoadProfile
from load.record import Record

MOST_CPU_SHARE = 0.9
"""Of one core: an event loop has no more than one."""
MOST_SCHEDULE_LAG_MS = 50.0
"""At the 99th percentile: a quarter of the strictest objective (p95 < 200 ms). It counts in the latencies, so up to it a
verdict is too strict by no more than that; on a quiet machine it is near 5 ms."""
MOST_LOOP_LAG_MS = 50.0
MOST_RATE_ERROR = 0.005
FEWEST_REQUESTS = 100
"""Below this many requests there is no 99th percentile to speak of."""


class Outcome(Enum):
    """What can be said of one objective."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """One objective, judged."""

    objective: str
    observed: float
    limit: float
    unit: str
    outcome: Outcome
    why: str


def judge(record: Record, profile: LoadProfile) -> dict[str, Judgement]:
    """Judge p95, p99 and the error rate of a run, by name."""
    void = "; ".join(never_made(record))
    late = "; ".join(saturation(record))
    promised = profile.objectives
    judged = {
        name: _judged(name, record.percentile_ms(percent), limit, "ms", void=void, late=late, surely=surely(record, percent))
        for name, percent, limit in (("p95", 95.0, promised.p95_ms), ("p99", 99.0, promised.p99_ms))
    }
    rate = record.error_rate
    return judged | {"errors": _judged("errors", rate, promised.error_rate, "share", void=void, late="", surely=rate)}


def surely(record: Record, percent: float) -> float:
    """The latency that is not the generator's doing, in milliseconds: from the actual start, its loop's lateness taken off."""
    lag = record.loop_lag.get_value_at_percentile(99) if record.loop_lag.get_total_count() else 0
    return float(record.service_time.get_value_at_percentile(percent) - lag) / 1e3


def _judged(
    name: str, observed: float, limit: float, unit: str, *, void: str, late: str, surely: float
) -> Judgement:
    if void:
        outcome, why = Outcome.INCONCLUSIVE, void
    elif late and surely < limit:
        outcome, why = Outcome.INCONCLUSIVE, f"the generator was the bottleneck: {late}"
    else:
        outcome, why = (Outcome.PASS if observed < limit else Outcome.FAIL), ""
    return Judgement(name, observed, limit, unit, outcome, why)


def never_made(record: Record) -> list[str]:
    """Reasons why the load was not the load that was asked for."""
    reasons: list[str] = []
    if record.requests < FEWEST_REQUESTS:
        reasons.append(f"only {record.requests} requests were made, too few to judge")
    if record.dropped:
        reasons.append(f"{record.dropped} of {record.intended} arrivals were dropped")
    elif record.intended and abs(record.requests - record.intended) > MOST_RATE_ERROR * record.intended:
        reasons.append(f"{record.requests} requests were made of {record.intended} intended")
    return reasons


def saturation(record: Record) -> list[str]:
    """Reasons to think that the generator was slow, and not the server."""
    reasons: list[str] = []
    cpu = record.cpu_seconds / record.seconds if record.seconds else 0.0
    if cpu > MOST_CPU_SHARE:
        reasons.append(f"it used {cpu:.0%} of a core, expected at most {MOST_CPU_SHARE:.0%}")
    for name, histogram, limit in (
        ("arrivals started", record.schedule_lag, MOST_SCHEDULE_LAG_MS),
        ("its event loop was", record.loop_lag, MOST_LOOP_LAG_MS),
    ):
        lag = histogram.get_value_at_percentile(99) / 1e3
        if lag > limit:
            reasons.append(f"{name} {lag:.0f} ms late at the 99th percentile, expected at most {limit:.0f}")
    return reasons
