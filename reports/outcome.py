"""What came of a check: four outcomes, of which the worst wins, and the evidence that goes with them.

Why this exists: two outcomes are not enough. What could not be asked is neither good nor bad, and what doesn't exist is
neither too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from suites.chronicle import Chronicle
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
    chronicle: Chronicle | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The reason, one finding a line: what was seen and what was expected."""
        return tuple(_finding(line) for line in self.reason.splitlines() if line.strip())

    @property
    def unsaid_places(self) -> tuple[tuple[str, int], ...]:
        """The places, each once, that the reason doesn't name itself."""
        said = set(re.findall(r"[^\s\[\](),]+:[0-9]+", self.reason))
        return tuple(
            (file, line)
            for file, line in dict.fromkeys(self.places)
            if not any(f"/{one}".endswith(f"/{file}:{line}") or f"{file}:{line}".endswith(f"/{one}") for one in said)
        )


@dataclass(frozen=True)
class Finding:
    """One line of a reason; ``expected`` is empty when the line isn't written as ``OBSERVED, expected EXPECTED``."""

    observed: str
    expected: str = ""


def _finding(line: str) -> Finding:
    observed, _, expected = line.strip().partition(", expected ")
    return Finding(observed, expected)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of ``outcomes``. No outcome at all means the check did not run: INCONCLUSIVE."""
    return max(outcomes, default=Outcome.INCONCLUSIVE)
