"""What each tier demands, and what stands in its way: the part of a verdict that points can't buy.

Why this exists: a score of 97 with a backup that can't be restored is not readiness. A tier is reached when nothing
stands in its way, and whatever does is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from reports.outcome import Outcome
from suites.entry import Severity

if TYPE_CHECKING:
    from reports.scorecard import CheckScore


class Tier(IntEnum):
    """How far a release may go, lowest first."""

    NOT_READY = 0
    STAGING = 1
    PRODUCTION = 2

    @property
    def words(self) -> str:
        """The tier as it stands in a verdict."""
        return "NOT READY" if self is Tier.NOT_READY else f"{self.name}-READY"


@dataclass(frozen=True)
class Gate:
    """What a tier needs: score and coverage in per cent, ids that must PASS, areas in which something must have been
    assessed. ``reviewed`` are the ids that somebody agreed are not applicable to this stack (None: nobody reviewed).
    """

    tier: Tier
    score: float
    coverage: float = 100.0
    require: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    reviewed: frozenset[str] | None = None


DEFAULTS = (Gate(Tier.STAGING, 85.0), Gate(Tier.PRODUCTION, 95.0))


def gates_from(data: Mapping[str, Any] | None) -> tuple[Gate, ...]:
    """The gates as a profile (or a run's manifest) has them: ``{"staging": {"score": 85, …}, "production": …}``.

    What isn't there has its default. Raises TypeError, ValueError or KeyError for what a profile can't have held.
    """
    given = data or {}
    listed = given.get("not_applicable")
    reviewed = None if listed is None else frozenset(map(str, listed))
    gates = []
    for default in DEFAULTS:
        needs = given.get(default.tier.name.lower()) or {}
        gates.append(
            Gate(
                default.tier,
                float(needs.get("score", default.score)),
                float(needs.get("coverage", default.coverage)),
                tuple(map(str, needs.get("require", ()))),
                tuple(map(str, needs.get("areas", ()))),
                reviewed,
            )
        )
    return tuple(gates)


@dataclass(frozen=True)
class Obstacle:
    """One thing in a tier's way: what it is about (an id, or ``score``, ``coverage``, ``waiver``, ``area``), and
    why.
    """

    about: str
    why: str


_GRAVE = (Severity.CRITICAL, Severity.HIGH)


def obstacles(
    gate: Gate, checks: Sequence[CheckScore], score: float | None, ended: str, expired: Sequence[str]
) -> tuple[Obstacle, ...]:
    """Everything between these checks and the gate's tier; nothing means that it is reached.

    The worst comes first: reverts that failed, then critical and high checks, then the rest. ``expired`` names waivers
    that have ended; ``ended`` says why the run stopped early, if it did.
    """
    found = [Obstacle(c.entry.id, f"a fault was not reverted: {c.reason}") for c in checks if c.revert_failed]
    if ended:
        found.append(Obstacle("run", f"the run did not come to its end: {ended}"))
    for one in checks:
        if one.stands and one.entry.severity in _GRAVE and not one.revert_failed:
            found.append(Obstacle(one.entry.id, f"{one.entry.severity.value} {one.outcome.words}: {one.entry.title}"))
    found += [Obstacle("waiver", f"the waiver for {name} has expired") for name in expired]
    named = {one.entry.id: one for one in checks}
    for id_ in gate.require:
        if id_ not in named or named[id_].outcome is not Outcome.PASS:
            outcome = named[id_].outcome.words if id_ in named else "not in the catalogue"
            found.append(Obstacle(id_, f"the tier requires it to pass: {outcome}"))
    found += _unreviewed(gate, checks)
    assessed = {one.entry.area.value for one in checks if one.outcome in (Outcome.PASS, Outcome.FAIL)}
    found += [Obstacle("area", f"nothing was assessed in {area}") for area in gate.areas if area not in assessed]
    return (*found, *_numbers(gate, checks, score))


def _unreviewed(gate: Gate, checks: Sequence[CheckScore]) -> list[Obstacle]:
    """NOT_APPLICABLE is no way out: where a stack lists what may be, any other is in the way, however small."""
    if gate.reviewed is None:
        return []
    return [
        Obstacle(one.entry.id, f"NOT APPLICABLE, and not among those reviewed in [gate] not_applicable: {one.reason}")
        for one in checks
        if one.outcome is Outcome.NOT_APPLICABLE and not one.excluded and one.entry.id not in gate.reviewed
    ]


def _numbers(gate: Gate, checks: Sequence[CheckScore], score: float | None) -> list[Obstacle]:
    found = []
    unanswered = [one for one in checks if one.outcome is Outcome.INCONCLUSIVE and one.stands]
    answered = sum(one.outcome in (Outcome.PASS, Outcome.FAIL) for one in checks)
    if unanswered and 100 * answered / (answered + len(unanswered)) < gate.coverage:
        ids = ", ".join(one.entry.id for one in unanswered[:5]) + (" …" if len(unanswered) > 5 else "")
        noun = "check is" if len(unanswered) == 1 else "checks are"
        found.append(Obstacle("coverage", f"{len(unanswered)} {noun} not answered ({ids})"))
    if score is None:
        found.append(Obstacle("score", "nothing was assessed"))
    elif score < gate.score:
        found.append(Obstacle("score", f"{floored(score)} is below the {gate.score:g} that {gate.tier.words} needs"))
    return found


def floored(value: float) -> str:
    """A percentage for people, rounded down to a tenth: 94.99 must not read as the 95 it did not reach."""
    return f"{int(value * 10 + 1e-9) / 10:.1f}"
