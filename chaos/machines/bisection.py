"""Cuts a failing list down by leaving parts out, never by changing a step: Zeller and Hildebrandt's ddmin, within a budget.

Hypothesis would shrink by running variations on the live stack until it is content. Here each run is a whole one from a fresh
state, their number is bounded, and what is reported is a list that was itself seen to fail.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Minimised(Generic[T]):
    """The smallest list that was seen to fail."""

    steps: tuple[T, ...]
    runs: int
    """How many lists were tried."""
    undecided: int
    """Of how many nothing could be told; they count as not failing."""
    is_minimal: bool
    """Whether every list with one step less was tried and did not fail; False when the budget ended first."""
    seconds: float


def minimise(
    steps: Sequence[T],
    fails: Callable[[tuple[T, ...]], bool | None],
    *,
    within: timedelta,
    runs: int = 200,
    clock: Callable[[], float] = time.monotonic,
) -> Minimised[T]:
    """Find a small part of `steps`, in their order, of which `fails` says True.

    `steps` are known to fail, and are not tried. `fails` says None when nothing can be told. No list is tried twice, and
    none is begun when `within` or `runs` is used up. Raises ValueError for an empty list: that can't have failed.
    """
    if not steps:
        raise ValueError("an empty list of steps can't have failed")
    return _Bisection(tuple(steps), fails, within, runs, clock).minimised()


class _OutOfBudget(Exception):
    """No further run is allowed."""


class _Bisection(Generic[T]):
    def __init__(
        self,
        steps: tuple[T, ...],
        fails: Callable[[tuple[T, ...]], bool | None],
        within: timedelta,
        runs: int,
        clock: Callable[[], float],
    ) -> None:
        self._steps, self._fails, self._clock = steps, fails, clock
        self._began = clock()
        self._deadline, self._most = self._began + within.total_seconds(), runs
        self._smallest = tuple(range(len(steps)))
        # By position and not by value: two equal steps are two steps.
        self._known: dict[tuple[int, ...], bool | None] = {}

    def minimised(self) -> Minimised[T]:
        is_minimal = True
        try:
            self._reduce()
        except _OutOfBudget:
            is_minimal = False
        return Minimised(
            self._of(self._smallest),
            len(self._known),
            sum(told is None for told in self._known.values()),
            is_minimal,
            self._clock() - self._began,
        )

    def _reduce(self) -> None:
        parts = 2
        while len(self._smallest) >= 2:
            chunks = _split(self._smallest, parts)
            rests = [tuple(one for one in self._smallest if one not in set(chunk)) for chunk in chunks]
            if (found := next((chunk for chunk in chunks if self._tried(chunk)), None)) is not None:
                self._smallest, parts = found, 2
            elif (found := next((rest for rest in rests if self._tried(rest)), None)) is not None:
                self._smallest, parts = found, max(parts - 1, 2)
            elif parts < len(self._smallest):
                parts = min(2 * parts, len(self._smallest))
            else:
                return

    def _tried(self, positions: tuple[int, ...]) -> bool:
        if not positions:
            return False
        if positions not in self._known:
            if self._clock() >= self._deadline or len(self._known) >= self._most:
                raise _OutOfBudget
            self._known[positions] = self._fails(self._of(positions))
        return self._known[positions] is True

    def _of(self, positions: tuple[int, ...]) -> tuple[T, ...]:
        return tuple(self._steps[one] for one in positions)


def _split(positions: tuple[int, ...], parts: int) -> list[tuple[int, ...]]:
    """As many neighbouring parts of nearly the same length; none is empty as there are no more parts than positions."""
    bounds = [round(number * len(positions) / parts) for number in range(parts + 1)]
    return [positions[start:end] for start, end in itertools.pairwise(bounds)]
