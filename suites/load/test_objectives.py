"""LOAD-SLO and LOAD-GEN: the promised latency and error rate at the promised rate, by a generator that was not in the way."""

from __future__ import annotations

from load.runner import Summary
from load.verdict import FEWEST_REQUESTS
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive
from suites.load.findings import require


@check(
    "LOAD-SLO-001",
    title="p95 latency is within its objective at the profile's arrival rate",
    area=Area.LOAD,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="One in twenty requests slower than promised is what users mean by a slow site.",
    remediation="Look at the slowest endpoint in the table, its query plan, and the server's CPU limit.",
    standards=("SRE Workbook 2",),
)
def test_p95_is_within_its_objective(gate_run: Summary, evidence: Evidence) -> None:
    require(gate_run, "p95", evidence)


@check(
    "LOAD-SLO-002",
    title="p99 latency is within its objective at the profile's arrival rate",
    area=Area.LOAD,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A visit makes many requests, so most visits meet the slowest hundredth.",
    remediation="Look for what stalls all requests at once: lock waits, checkpoints, garbage collection, a full queue.",
    standards=("SRE Workbook 2",),
)
def test_p99_is_within_its_objective(gate_run: Summary, evidence: Evidence) -> None:
    require(gate_run, "p99", evidence)


@check(
    "LOAD-SLO-003",
    title="The error rate is within its objective at the profile's arrival rate",
    area=Area.LOAD,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Under load a system fails first by refusing; each refused order is a lost sale.",
    remediation="Look at which endpoint fails with what; raise the limit that was hit, or shed load before it.",
    standards=("SRE Workbook 2",),
)
def test_error_rate_is_within_its_objective(gate_run: Summary, evidence: Evidence) -> None:
    require(gate_run, "errors", evidence)


@check(
    "LOAD-GEN-001",
    title="The load generator was not the bottleneck",
    area=Area.LOAD,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A saturated generator measures itself, and its percentiles say nothing about the system.",
    remediation="Run the load on a machine with idle cores, or spread it over several.",
)
def test_the_generator_was_not_the_bottleneck(gate_run: Summary, evidence: Evidence) -> None:
    record = gate_run.record
    share = record.cpu_seconds / record.seconds if record.seconds else 0.0
    evidence.measure("generator CPU", share * 100, "%")
    for name, histogram in (("arrivals late, p99", record.schedule_lag), ("event loop late, p99", record.loop_lag)):
        evidence.measure(name, histogram.get_value_at_percentile(99) / 1e3, "ms")
    evidence.measure("dropped arrivals", record.dropped, "arrivals", objective=0)
    if gate_run.requests < FEWEST_REQUESTS:
        inconclusive("; ".join(gate_run.never_made))
    if gate_run.saturation:
        # Whether it would have kept up with the processor to itself, this run can't say.
        inconclusive(f"the generator was saturated: {'; '.join(gate_run.saturation)}")

    # With time and processor to spare, what it did not send as scheduled is its own doing.
    assert not gate_run.never_made, f"load generator: {'; '.join(gate_run.never_made)}"
