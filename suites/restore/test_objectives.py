"""RST-DB-005 and -006: how much is lost and how long it takes, measured more than once and held to the objectives."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.bench import Bench
from suites.restore.conftest import Trial
from suites.restore.disaster import Disaster
from suites.restore.losing import INTERVAL_SECONDS, Loss, losses_of


@check(
    "RST-DB-005",
    title="Database RPO, in acknowledged writes and seconds, is within its objective",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="What is lost is counted from the last write that was acknowledged, not from the schedule on paper.",
    remediation="Back up more often, or copy with the backup API: what a copy lacks from before it was begun is lost too.",
    standards=("NIST SP 800-34 3.2.1",),
)
def test_no_more_is_lost_than_promised(running: Stack, trial: Trial, repeat: int, evidence: Evidence) -> None:
    profile = running.profile
    promised = profile.objectives.rpo
    jobs = [job for job in profile.backup.jobs if job.what == "database"] if profile.backup else []
    if promised is None or not jobs:
        raise CannotTell(profile.missing('[objectives.rpo] database_seconds = … and [[backup.jobs]] what = "database"'))
    losses, kept = losses_of(running, trial.journey, times=repeat)
    spread("lost at the worst moment, writes", [float(loss.writes) for loss in losses], "writes", evidence)
    spread(f"lost at the worst moment, at an interval of {INTERVAL_SECONDS:g} s", [loss.seconds for loss in losses], "s", evidence)
    longest = max(each.finished - each.begun for each in kept)
    follows = jobs[0].interval_seconds + longest
    evidence.measure("RPO that follows: interval + duration", follows, "s", objective=promised.database_seconds)

    judge_losses(losses)
    assert follows <= promised.database_seconds, (
        f"{jobs[0].service}: up to {follows:.0f} s of writes can be lost, expected at most {promised.database_seconds:g}"
    )


def judge_losses(losses: Sequence[Loss]) -> None:
    """Hold each loss to what the interval explains."""
    for loss in losses:
        assert loss.seconds <= loss.bound, (
            f"{loss.archive}: {loss.seconds:.2f} s of writes would be lost, expected at most the interval and the"
            f" duration, {loss.bound:.2f} s: it lacks writes that were acknowledged before it was begun"
        )


@check(
    "RST-DB-006",
    title="Database RTO, by phase, is within its objective",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="The recovery time that counts is the whole of it, and only its phases tell what to make shorter.",
    remediation="Look at the phases: what is slow is named there.",
    standards=("NIST SP 800-34 3.2.1",),
)
def test_database_recovers_in_time(bench: Bench, disaster: Disaster, repeat: int, evidence: Evidence) -> None:
    promised = bench.stack.profile.objectives.rto
    if promised is None:
        raise CannotTell(bench.stack.profile.missing("[objectives.rto] database_seconds = …"))
    started = disaster.database_rescue["start"]
    runs = [timed(bench) for _ in range(repeat)]
    rows = [(phase, *figures([run[phase] for run in runs])) for phase in runs[0]]
    evidence.table(
        f"recovery of the database by phase, n = {repeat} (start: n = 1); detection is the alert's part (ALR-*)",
        ("phase", "median s", "max s"),
        [*rows, ("start", f"{started:.2f}", f"{started:.2f}")],
    )
    worst = max(sum(run.values()) for run in runs) + started
    evidence.observed("measured while drills of this area may share the processors: longer than alone, never shorter")
    evidence.measure(f"RTO of the database, the longest of n = {repeat}", worst, "s", objective=promised.database_seconds)

    assert worst <= promised.database_seconds, f"took {worst:.1f} s, expected at most {promised.database_seconds:g}"


def timed(bench: Bench) -> dict[str, float]:
    """One restore, by phase; what the phases inside don't account for is the container's."""
    began = time.monotonic()
    inside: Mapping[str, float] = bench.restore()["phases"]
    return {"container": max(0.0, time.monotonic() - began - sum(inside.values())), **inside}


def figures(values: Sequence[float]) -> tuple[str, str]:
    """Median and maximum, for people."""
    return f"{statistics.median(values):.2f}", f"{max(values):.2f}"


def spread(name: str, values: Sequence[float], unit: str, evidence: Evidence) -> None:
    """Keep median and maximum of a measurement that was made n times."""
    evidence.measure(f"{name} (median of n = {len(values)})", statistics.median(values), unit)
    evidence.measure(f"{name} (maximum of n = {len(values)})", max(values), unit)
