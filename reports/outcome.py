"""What came of a check: four outcomes, of which the worst wins, and the evidence that goes with them.

Why this exists: two outcomes are not enough. What could not be asked is neither good nor bad, and what doesn't exist is
neither too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from suites.notes import Evidence, Measure, Moment, Note, Table

__all__ = ["Evidence", "Judgement", "Outcome", "Result", "worst"]


class Outcome(IntEnum):
    """The four outcomes, in the order in which the worse wins."""

    NOT_APPLICABLE = 0
    PASS = 1
    INCONCLUSIVE = 2
    FAIL = 3

    @property
    def words(self) -> str:
        """The outcome as people read it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Judgement:
    """What one phase of a test (set-up, call, tear-down) says about its check."""

    outcome: Outcome
    reason: str = ""
    excluded: bool = False
    revert_failed: bool = False

    def combined(self, other: Judgement) -> Judgement:
        """The worse of the two; a failed revert is never forgotten."""
        worse = other if other.outcome > self.outcome else self
        failed = self.revert_failed or other.revert_failed
        return Judgement(worse.outcome, worse.reason, worse.excluded, failed)


@dataclass(frozen=True)
class Result:
    """One instance of a check with its outcome: the check's id, what it was about, and what it saw. Times are in
    seconds.
    """

    id: str
    subject: str
    nodeid: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    excluded: bool = False
    revert_failed: bool = False
    notes: tuple[Note, ...] = ()
    measures: tuple[Measure, ...] = ()
    tables: tuple[Table, ...] = ()
    timeline: tuple[Moment, ...] = ()
    places: tuple[tuple[str, int], ...] = ()
    traceback: str = ""

    @property
    def observed(self) -> str:
        """The part of the reason that says what was seen."""
        return self.reason.partition(", expected ")[0]

    @property
    def expected(self) -> str:
        """The part of the reason after ``, expected``; empty when the reason isn't written so."""
        return self.reason.partition(", expected ")[2]


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of ``outcomes``. No outcome at all means the check did not run: INCONCLUSIVE."""
    return max(outcomes, default=Outcome.INCONCLUSIVE)
