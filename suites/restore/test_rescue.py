"""RST-DB-004: the only proof of a backup is a stack that serves from it."""

from __future__ import annotations

import time
from typing import Protocol, Self, runtime_checkable

from stack.clients.market import Refused
from stack.errors import CannotTell
from stack.journey import Ack, Journey
from stack.model import Stack
from stack.ops.one_shot import handover_of
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.conftest import Trial
from suites.restore.second_stack import Rescue, rescued
from suites.restore.writing import Made, backup_service


@runtime_checkable
class Movable(Protocol):
    """A journey that can look for its writes on another stack."""

    def against(self, target: Stack) -> Self:
        """The same memory, speaking to `target`."""


@check(
    "RST-DB-004",
    title="A backup restored into an empty stack boots and serves a verified transaction",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A backup that was never restored is a hope; this one is restored, started and traded with.",
    remediation="Run `python -m stack.ops rescue-database --dry-run`; it says which step fails.",
    standards=("NIST SP 800-34 3.4.2", "SOC 2 A1.3"),
)
def test_restored_stack_serves_a_verified_transaction(running: Stack, trial: Trial, evidence: Evidence) -> None:
    made = trial.made
    with rescued(running, handover_of(running), made.archive) as rescue:
        journey = moved(trial.journey, rescue.stack)
        began = time.monotonic()
        fresh = [traded(journey, rescue.stack) for _ in range(4)]  # two accounts, a listing, an order
        held = made.held(rescue.facts["content"]["highest_sequence"])
        losses = journey.verify([*fresh, *held])
        rescue.phases["first verified transaction"] = time.monotonic() - began

    note_recovery_time(rescue, running, evidence)
    note_recovery_point(made, held, running, evidence)
    evidence.observed(f"{len(held)} writes that were acknowledged before the backup and {len(fresh)} new ones: {losses}")
    assert not losses, f"{rescue.stack.project}: {losses}"
    missing = [ack for ack in made.before if ack not in held]
    assert not missing, f"{made.archive}: {len(missing)} writes acknowledged before its copy was begun are not in it"


def moved(journey: Journey, target: Stack) -> Journey:
    """The journey with its memory, on another stack."""
    if not isinstance(journey, Movable):
        raise CannotTell("this stack's journey can't look for its writes on another stack: it has no `against`")
    there = journey.against(target)
    if not isinstance(there, Journey):
        raise CannotTell("what this journey's `against` returns is no journey")
    return there


def traded(journey: Journey, stack: Stack) -> Ack:
    """One acknowledged write; a refusal is what this check is about."""
    try:
        return journey.act()
    except Refused as refused:
        raise AssertionError(f"{stack.project}: {refused}, expected a transaction") from refused


def note_recovery_time(rescue: Rescue, stack: Stack, evidence: Evidence) -> None:
    """Keep the recovery time by phase; one run, so n = 1 and no spread."""
    promised = stack.profile.objectives.rto
    evidence.table("recovery time by phase, n = 1", ("phase", "s"), [(k, f"{v:.2f}") for k, v in rescue.phases.items()])
    evidence.measure(
        "RTO of the database (n = 1, without detection)",
        rescue.seconds,
        "s",
        objective=promised.database_seconds if promised else None,
    )


def note_recovery_point(made: Made, held: list[Ack], stack: Stack, evidence: Evidence) -> None:
    """Keep what would have been lost had the host died when the writing ended, and what follows for the real interval."""
    lost = [ack for ack in made.acks if ack not in held]
    window = made.ended_at - made.made_at
    evidence.measure("RPO measured, writes (n = 1)", len(lost), "writes")
    evidence.measure(f"RPO measured over a window of {window:.1f} s", lost_seconds(lost, made), "s")
    jobs = stack.profile.backup.jobs if stack.profile.backup else ()
    interval = next((job.interval_seconds for job in jobs if job.service == backup_service(stack)), None)
    promised = stack.profile.objectives.rpo
    if interval is not None:
        evidence.measure(
            "RPO that follows: interval + duration",
            interval + made.seconds,
            "s",
            objective=promised.database_seconds if promised else None,
        )


def lost_seconds(lost: list[Ack], made: Made) -> float:
    """From the backup's moment to the last write that it lacks."""
    return max((ack.at - made.made_at for ack in lost), default=0.0)
