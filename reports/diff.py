"""What changed between two runs: what got worse first, because that is what somebody has to look at.

Why this exists: a score that went from 96 to 95 hides a new failure behind three mended ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.document import Run
from reports.outcome import Outcome, worst


@dataclass(frozen=True)
class Change:
    """A check whose outcome differs; None where one of the runs doesn't have it."""

    id: str
    title: str
    before: Outcome | None
    after: Outcome | None


@dataclass(frozen=True)
class Changes:
    """The differences of two runs, each in the order of ids."""

    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    other: tuple[Change, ...]
    """Appeared, disappeared, or changed between PASS and NOT_APPLICABLE."""


def between(before: Run, after: Run) -> Changes:
    """Compare two runs check by check; a check that was planned and has no result counts as INCONCLUSIVE."""
    old, new = _outcomes(before), _outcomes(after)
    titles = {one.id: one.title for run in (before, after) for one in run.checks}
    found: dict[str, list[Change]] = {"worse": [], "better": [], "other": []}
    for id_ in sorted(old.keys() | new.keys()):
        change = Change(id_, titles[id_], old.get(id_), new.get(id_))
        if change.before is not change.after:
            found[_kind(change)].append(change)
    return Changes(*(tuple(found[name]) for name in ("worse", "better", "other")))


def _outcomes(run: Run) -> dict[str, Outcome]:
    there = {(one.id, one.subject) for one in run.results}
    lost = {one.id for one in run.planned if (one.id, one.subject) not in there}
    asked = {one.id for one in run.planned}
    had: dict[str, list[Outcome]] = {id_: [Outcome.INCONCLUSIVE] if id_ in lost else [] for id_ in asked}
    for one in run.results:
        had[one.id].append(one.outcome)
    return {id_: worst(outcomes) for id_, outcomes in had.items()}


def _kind(change: Change) -> str:
    bad = (Outcome.INCONCLUSIVE, Outcome.FAIL)
    now_bad, was_bad = change.after in bad, change.before in bad
    if now_bad and (not was_bad or (change.after or 0) > (change.before or 0)):
        return "worse"
    return "better" if was_bad and change.after is not None else "other"


def told(changes: Changes) -> str:
    """The differences as text."""
    lines = []
    for name, some in (("worse", changes.worse), ("better", changes.better), ("otherwise different", changes.other)):
        if some:
            lines.append(f"{name} ({len(some)})")
            lines += [f"  {one.id:<16} {_word(one.before):>14} → {_word(one.after):<14} {one.title}" for one in some]
    return "\n".join(lines) or "No check changed its outcome."


def _word(outcome: Outcome | None) -> str:
    return outcome.words if outcome is not None else "absent"
