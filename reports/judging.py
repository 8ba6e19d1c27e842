"""From the way a test ended to the outcome of its check: one rule for each way there is.

Why this exists: everything a report says rests on this mapping. Only an assertion that did not hold is a FAIL; whatever
kept the question from being answered is INCONCLUSIVE, so that a broken check can neither condemn a stack nor flatter
it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reports.outcome import Judgement, Outcome
from stack.errors import CannotTell
from suites.check import Excluded, NotApplicable


def judge(when: str, error: BaseException | None, *, expected_failure: str | None = None) -> Judgement | None:
    """What a finished phase says: ``when`` is pytest's name of it, ``error`` what ended it.

    A set-up or tear-down that went well says nothing (None). ``expected_failure`` is the reason of an xfail mark that
    took effect: such a test has no say, whichever way it ended.
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
