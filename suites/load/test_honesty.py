"""LOAD-CO: the load would notice. A generator that waits for its answers hides exactly the seconds that matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chaos.fault import injected
from chaos.faults.container import Paused
from load.runner import BaseLoad, Summary
from load.verdict import surely
from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from stack.waiting import pause
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive
from suites.load.findings import note
from suites.load.plan import clients_of, for_seconds, plan_of

STALL = timedelta(seconds=2)
SECONDS_MEASURED = 8.0
BEFORE_SECONDS = 2.0


@check(
    "LOAD-CO-001",
    title="A two-second stall of the server shows in the percentiles",
    area=Area.LOAD,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A load that waits for each answer sends nothing during a stall and reports one slow request (coordinated omission).",
    remediation="Start requests on a schedule and count latency from the intended start (load/arrivals.py).",
)
def test_a_stall_shows_in_the_percentiles(running: Stack, outside: Outside, seed: int, evidence: Evidence) -> None:
    server = next((each.name for each in running.by_role("application") if not each.idle), None)
    if server is None:
        raise CannotTell("no service of this stack is an application that could be stalled")
    plan = replace(for_seconds(plan_of(running, seed=seed), SECONDS_MEASURED, warm_up_seconds=2.0), poisson=False)

    with BaseLoad(plan, clients_of(running, outside), prefix=outside.exec_prefix) as load:
        load.start()
        pause(BEFORE_SECONDS)
        with injected(Paused(server), running):
            pause(STALL.total_seconds())
        run = load.finish()

    note(run, evidence)
    require_stall(run, STALL, evidence)


def require_stall(run: Summary, stall: timedelta, evidence: Evidence) -> None:
    """Hold that a stall shows: of requests spread evenly, its share waited for what was left of it.

    With a stall of 2 s in 8 s a quarter of the requests waited between 0 and 2 s, so the 95th percentile is near
    1.6 s; half of the stall is required, for the server catches up at its own pace.
    """
    seconds = stall.total_seconds()
    evidence.measure("stall", seconds, "s")
    evidence.measure("longest latency", run.longest_ms / 1e3, "s")
    evidence.measure("p95", run.p95_ms / 1e3, "s")
    assert run.longest_ms / 1e3 >= 0.9 * seconds, (
        f"load: the longest latency is {run.longest_ms / 1e3:.2f} s, expected at least {0.9 * seconds:.2f} s"
    )
    assert run.p95_ms / 1e3 >= 0.5 * seconds, (
        f"load: p95 is {run.p95_ms / 1e3:.2f} s, expected at least {0.5 * seconds:.2f} s: the stall is hidden"
    )
    # A saturated generator makes long latencies of its own; then it must show with its lateness taken off as well.
    without_lateness = surely(run.record, 95) / 1e3
    if without_lateness < 0.5 * seconds:
        late = "; ".join(run.saturation) or "its own lateness is in the percentiles"
        inconclusive(
            f"without the generator's lateness p95 is {without_lateness:.2f} s, so it may be what shows: {late}"
        )
