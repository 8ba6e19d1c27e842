"""What experiments ask: a question with one right answer, and for how long a wrong one is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Probe:
    """A question about the stack with one right answer.

    `complaint` returns None when all is as it should be, else a sentence about what isn't. It raises CannotTell when it
    could not ask.
    """

    name: str
    complaint: Callable[[Stack], str | None]
    within: timedelta = timedelta(0)
    """How long it may take to come true, where that is allowed."""
    answer_within: timedelta | None = None
    """How long one answer may take, where the probe has a bound on it."""


@dataclass(frozen=True)
class Promise:
    """A probe that is asked all the time, and may complain for no longer than `outage` in one go."""

    probe: Probe
    outage: timedelta = timedelta(0)


def asked(probe: Probe, stack: Stack, *, every: timedelta, within: timedelta | None = None) -> str | None:
    """The last complaint when it did not come true within its time; None when it did. CannotTell when nobody could ask."""
    last: list[str | None] = [None]

    def fine() -> bool:
        last[0] = probe.complaint(stack)
        return last[0] is None

    try:
        eventually(fine, within=probe.within if within is None else within, every=every, what=probe.name)
    except AssertionError:
        return last[0]
    return None
