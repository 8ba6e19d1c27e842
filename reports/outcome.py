"""What came of a check: four outcomes, one rule for each way a test can end, and the worst case wins.

Why this exists: everything a report says rests on this mapping. Only an assertion that did not hold is a FAIL; whatever kept the
question from being answered is INCONCLUSIVE, so that a broken check can neither condemn a stack nor flatter it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import pytest

from stack.errors import CannotTell
from suites.check import Excluded, NotApplicable
from suites.evidence import Evidence, Measure, Moment, Note, Table

__all__ = ["Evidence", "Judgement", "Outcome", "Result", "judge", "worst"]


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
    """One instance of a check with its outcome: the check's id, what it was about, and what it saw. Times are in seconds."""

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


def judge(when: str, error: BaseException | None, *, expected_failure: str | None = None) -> Judgement | None:
    """What a finished phase says: ``when`` is pytest's name of it, ``error`` what ended it.

    A set-up or tear-down that went well says nothing (None). ``expected_failure`` is the reason of an xfail mark that took effect:
    such a test has no say, whichever way it ended.
    """
    if expected_failure is not None:
        return Judgement(Outcome.INCONCLUSIVE, f"marked as expected to fail: {expected_failure or 'no reason given'}")
    if error is None:
        return Judgement(Outcome.PASS) if when == "call" else None
    reverting = any(getattr(one, "revert_failed", False) is True for one in _chain(error))
    if isinstance(error, NotApplicable) and when != "teardown":
        return Judgement(Outcome.NOT_APPLICABLE, str(error), excluded=isinstance(error, Excluded))
    if when == "call" and _is_assertion(error):
        return Judgement(Outcome.FAIL, said(error), revert_failed=reverting)
    return Judgement(Outcome.INCONCLUSIVE, _why(when, error), revert_failed=reverting)


def said(error: BaseException) -> str:
    """The author's message of an assertion, without what pytest's rewriting adds below it."""
    text = str(error).partition("\nassert ")[0].strip()
    return text or type(error).__name__


def _why(when: str, error: BaseException) -> str:
    text = said(error)
    if isinstance(error, pytest.skip.Exception):
        text = f"skipped: {text}"
    elif isinstance(error, pytest.fail.Exception):
        text = f"ran out of its own time ({text})" if "pytest-timeout" in text else text
    elif not isinstance(error, CannotTell):
        named = f"{type(error).__name__}: {text}" if text != type(error).__name__ else text
        text = f"set-up failed: {named}" if when == "setup" else named
    return f"tear-down failed: {text}" if when == "teardown" else text


def _is_assertion(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_assertion(one) for one in error.exceptions)
    return isinstance(error, AssertionError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """``error``, what it holds, and what it came from, each once."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
