"""The customers who browse while things break: one load process for all experiments of a session, and what each of them met.

The open model: requests come at their own times, whatever became of the ones before, so that an outage is met as often as
it would be, and its length is known from the outside.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from load.arrivals import constant
from load.live import LiveReader, Request, errors, lateness, outages
from load.profiles import LoadProfile
from load.runner import BaseLoad
from load.targets import target_of
from stack.errors import CannotTell, SeatrialError
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

RATE = 15.0
"""Requests a second: with two probes at 10 a second it stays under what the reference edge takes from one address (50)."""
PATIENCE_SECONDS = 5.0
"""An answer that takes longer is none."""
LONGEST = timedelta(hours=4)
"""The load ends by itself then. All experiments take 15 minutes on a quiet machine; it ends with its session anyway."""
STEP_SECONDS = 0.5
"""The width of a step of the time series."""


@dataclass(frozen=True)
class Step:
    """What the customers of one step met."""

    at: float
    """Its begin, on the monotonic clock."""
    requests: int
    errors: int
    p95_seconds: float | None
    """None when nobody asked."""


@dataclass(frozen=True)
class Seen:
    """What the customers of a stretch of time met; times in seconds on the monotonic clock."""

    began: float
    ended: float
    requests: tuple[Request, ...]
    late: str
    """Why the load itself was the bottleneck; empty when it was not."""

    @property
    def failures(self) -> int:
        """How many were not served."""
        return sum(bool(request.error) for request in self.requests)

    @property
    def outages(self) -> list[tuple[float, float]]:
        """(start, length) of each stretch in which nobody was served."""
        return outages(self.requests)

    @property
    def longest_outage(self) -> float:
        """In seconds; the time to a failed request's answer is no part of it."""
        return max((length or 1 / RATE for _, length in self.outages), default=0.0)

    @property
    def worst(self) -> str:
        """The failure met most often."""
        return ", ".join(f"{count} × {what}" for what, count in errors(self.requests).most_common(1))

    @property
    def steps(self) -> list[Step]:
        """The time series, one entry each STEP_SECONDS from the begin."""
        count = max(1, math.ceil((self.ended - self.began) / STEP_SECONDS))
        several: list[list[Request]] = [[] for _ in range(count)]
        for request in self.requests:
            several[min(count - 1, int((request.at - self.began) / STEP_SECONDS))].append(request)
        return [_step(self.began + number * STEP_SECONDS, met) for number, met in enumerate(several)]

    def __str__(self) -> str:
        failed = (
            f"{self.failures} not served, longest {self.longest_outage:.2f} s ({self.worst})"
            if self.failures
            else "all served"
        )
        said = f"{len(self.requests)} requests, {RATE:g} a second: {failed}"
        return f"{said}; the load was the bottleneck: {self.late}" if self.late else said


def _step(at: float, met: list[Request]) -> Step:
    slow = sorted(request.latency for request in met)
    p95 = slow[min(len(slow) - 1, int(0.95 * len(slow)))] if slow else None
    return Step(at, len(met), sum(bool(request.error) for request in met), p95)


class Customers(Protocol):
    """Whoever can say what customers met."""

    def between(self, began: float, ended: float) -> Seen:
        """What those met who came in that time (monotonic clock). Raises CannotTell when there were none."""


class Nobody:
    """No customers, and why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def between(self, began: float, ended: float) -> Seen:
        """Raises CannotTell, always."""
        raise CannotTell(self._reason)


class Crowd:
    """Customers of a live log."""

    def __init__(self, log: Path, *, rate: float = RATE) -> None:
        self._reader = LiveReader(log)
        self._rate = rate

    def between(self, began: float, ended: float) -> Seen:
        """Wait until all who came in that time were answered, which their patience bounds, and say what they met."""

        def answered() -> bool:
            self._reader.read()
            return not self._reader.is_waiting(ended)

        try:
            eventually(
                answered,
                within=timedelta(seconds=PATIENCE_SECONDS + 5),
                every=timedelta(milliseconds=50),
                what="the last answers",
            )
        except AssertionError as error:
            raise CannotTell("the base load does not say what became of its requests") from error
        met = self._reader.between(began, ended)
        return Seen(began, ended, tuple(met), lateness(met, expected=self._rate * (ended - began)))


class BaseCustomers:
    """The base load of a session: begun at the first question, once; the block's end stops it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._until_the_end = ExitStack()
        self._found: Customers | None = None
        self._load: BaseLoad | None = None

    def customers(self) -> Customers:
        """Those of the base load; where it can't be had, nobody, with the reason."""
        if self._found is None:
            try:
                self._found = self._begin()
            except SeatrialError as reason:
                self._found = Nobody(f"the base load could not be had: {reason}")
        if self._load is not None and not self._load.is_running:
            self._found = Nobody("the base load has ended early")
        return self._found

    def close(self) -> None:
        """End the load process."""
        self._until_the_end.close()

    def _begin(self) -> Customers:
        if self._stack.profile.load_ is None or self._stack.profile.journey is None:
            raise CannotTell(self._stack.profile.missing('[journey] class = "package.module:Class"'))
        load = self._until_the_end.enter_context(BaseLoad(browsing(), target_of(self._stack.edge), live=True))
        load.start()
        self._load = load
        return Crowd(load.live_log)


def browsing() -> LoadProfile:
    """Customers who look at listings and search, and leave nothing behind."""
    return LoadProfile(
        name="base load",
        rate=tuple(constant(RATE, LONGEST.total_seconds())),
        users=16,
        warm_up_seconds=0.0,
        poisson=False,
        mix={"browse": 0.5, "view": 0.3, "search": 0.2},
        timeout_seconds=PATIENCE_SECONDS,
    )
