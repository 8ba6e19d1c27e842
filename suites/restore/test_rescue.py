"""RST-DB-004 and RST-SYS-*: the only proof of a backup is a system that serves from it and whose money adds up."""

from __future__ import annotations

import time
from typing import Protocol, Self, runtime_checkable

from stack.clients.market import Refused
from stack.errors import CannotTell
from stack.journey import Ack, Journey
from stack.model import Stack
from stack.money import broken
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.disaster import Disaster
from suites.restore.rebuilding import KEPT

REMEDIATION = "Rehearse with `python -m stack.ops rescue-system --dry-run` (docs/disaster-recovery.md); it says which step fails."


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
    remediation=REMEDIATION,
    standards=("NIST SP 800-34 3.4.2", "SOC 2 A1.3"),
)
def test_restored_stack_serves_a_verified_transaction(disaster: Disaster, evidence: Evidence) -> None:
    stack = disaster.rebuilt.stack
    journey = moved(disaster.journey, stack)
    began = time.monotonic()
    fresh = [traded(journey, stack) for _ in range(4)]  # two accounts, a listing, an order
    evidence.measure("restored and up → first verified transaction", time.monotonic() - began, "s")
    content = disaster.rebuilt.restored["database"]["content"]
    held = [ack for ack in disaster.acks if ack.sequence <= content["highest_sequence"]]
    losses = journey.verify([*fresh, *held])

    evidence.observed(f"{len(held)} writes that were acknowledged before the backup and {len(fresh)} new ones: {losses}")
    assert not losses, f"{stack.project}: {losses}"
    missing = len(disaster.acks) - len(held)
    assert not missing, f"{stack.project}: {missing} writes acknowledged before the backup was begun are not in it"


@check(
    "RST-SYS-001",
    title="Repository, age key, backup key and backups alone rebuild a serving system whose money adds up",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="After a lost host there is what was kept elsewhere and nothing else; what was forgotten is found missing then.",
    remediation=REMEDIATION,
    standards=("NIST SP 800-34 4.3", "SOC 2 A1.3"),
)
def test_system_is_rebuilt_from_what_is_kept(disaster: Disaster, evidence: Evidence) -> None:
    stack = disaster.rebuilt.stack
    evidence.declared(f"rebuilt in a clone of the repository from {', '.join(KEPT)} and the folder of the backups")
    evidence.table(
        "what was restored", ("part", "archive"), [(k, str(v["archive"])) for k, v in disaster.rebuilt.restored.items()]
    )
    traded(moved(disaster.journey, stack), stack)
    evidence.observed("a write is acknowledged")

    wrong = broken(stack)

    evidence.observed("; ".join(wrong) or "ledger, chain and wallets agree on every escrow")
    assert not wrong, f"{stack.project}: {'; '.join(wrong)}"


@check(
    "RST-SYS-002",
    title="Application and system RTO are within their objectives",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A recovery time that was never measured is a promise made by somebody else's machine.",
    remediation="Look at the phases: what is slow is named there; --no-build and kept images save the most.",
    standards=("NIST SP 800-34 3.2.1",),
)
def test_system_recovers_in_time(disaster: Disaster, evidence: Evidence) -> None:
    phases = disaster.rebuilt.phases
    promised = disaster.first.profile.objectives.rto
    if promised is None:
        raise CannotTell(disaster.first.profile.missing("[objectives.rto] application_seconds = …"))
    evidence.table("recovery of the system by phase, n = 1", ("phase", "s"), [(k, f"{v:.2f}") for k, v in phases.items()])
    application, system = phases["start"] + phases["verify"], sum(phases.values())
    evidence.measure("RTO of the application (n = 1): start and verify", application, "s", objective=promised.application_seconds)
    evidence.measure("RTO of the system (n = 1), images at hand", system, "s", objective=promised.system_seconds)

    assert application <= promised.application_seconds, (
        f"the application took {application:.1f} s, expected at most {promised.application_seconds:g}"
    )
    assert system <= promised.system_seconds, f"the system took {system:.1f} s, expected at most {promised.system_seconds:g}"


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
