"""Says what a load run means for one promise, and keeps its numbers as evidence; used by every check of the area."""

from __future__ import annotations

from load.runner import Outcome, Summary
from suites.check import Evidence, inconclusive


def note(run: Summary, evidence: Evidence) -> None:
    """Keep the run's numbers: percentiles by endpoint, errors, the generator's own health."""
    record = run.record
    evidence.observed(
        f"{run.requests} requests in {record.seconds:.0f} s from {run.began:%H:%M:%S} UTC, {sum(run.errors.values())} errors"
    )
    rows = [("all", record.latency), *sorted(record.by_endpoint.items())]
    evidence.table(
        "latency from the intended start, ms",
        ("endpoint", "requests", "p50", "p95", "p99", "longest"),
        [
            (name, each.get_total_count(), *(f"{each.get_value_at_percentile(p) / 1e3:.1f}" for p in (50, 95, 99, 100)))
            for name, each in rows
        ],
    )
    if run.errors:
        evidence.table("errors", ("what", "count"), sorted(run.errors.items()))


def require(run: Summary, objective: str, evidence: Evidence) -> None:
    """Hold one objective of a run: `p95`, `p99` or `errors`.

    An AssertionError where it was missed; INCONCLUSIVE where this run can't say.
    """
    note(run, evidence)
    judged = run.verdict[objective]
    percent = judged.unit == "share"
    unit, scale = ("%", 100.0) if percent else (judged.unit, 1.0)
    evidence.measure(objective, judged.observed * scale, unit, objective=judged.limit * scale)
    if judged.outcome is Outcome.INCONCLUSIVE:
        inconclusive(judged.why)
    worst = ", ".join(f"{count} × {what}" for what, count in sorted(run.errors.items(), key=lambda item: -item[1])[:3])
    assert judged.outcome is Outcome.PASS, (
        f"edge: {objective} is {judged.observed * scale:.4g} {unit}, expected below {judged.limit * scale:g} {unit}"
        + (f" ({worst})" if percent else "")
    )
