"""Ask the same question again and again while something breaks, so that an outage has a length and not only a witness."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from stack.errors import CannotTell

LONGEST_ANSWER = timedelta(seconds=90)
"""The longest that a question may take: a backup's has 60 s inside the container, and the engine's own way there and back."""


@dataclass(frozen=True)
class Sample:
    """One question: when it was asked, how long the answer took, and what was wrong with it (None: nothing)."""

    at: float
    seconds: float
    complaint: str | None


@dataclass(frozen=True)
class Series:
    """The answers, in the order of asking."""

    samples: tuple[Sample, ...]

    @property
    def failures(self) -> int:
        """How many answers were wrong."""
        return sum(sample.complaint is not None for sample in self.samples)

    @property
    def outages(self) -> tuple[tuple[float, float], ...]:
        """(start, length) of each: from asking the first question with a wrong answer to the next right answer's arrival.

        That is the longest it can have been. An outage that had not ended counts up to the last sample.
        """
        found: list[tuple[float, float]] = []
        began: float | None = None
        for sample in self.samples:
            if sample.complaint is not None:
                began = sample.at if began is None else began
            elif began is not None:
                found.append((began, sample.at + sample.seconds - began))
                began = None
        if began is not None:
            found.append((began, self.samples[-1].at + self.samples[-1].seconds - began))
        return tuple(found)

    @property
    def longest_outage(self) -> float:
        """In seconds; 0 when there was none."""
        return max((length for _, length in self.outages), default=0.0)

    @property
    def ends_well(self) -> bool:
        """Whether the last answer was right."""
        return bool(self.samples) and self.samples[-1].complaint is None

    def first_complaint(self) -> str | None:
        """What was wrong first, if anything was."""
        return next((sample.complaint for sample in self.samples if sample.complaint is not None), None)


class Sampler:
    """A thread that asks at a fixed rate, whatever the answers take; a block's end stops it.

    A slow answer delays the next question (one connection), and counts its whole time; questions are never sent in
    bursts to catch up. Its end waits for the answer that is under way, so that no question of one experiment is asked in
    the next, for at most `longest`.
    """

    def __init__(
        self,
        ask: Callable[[], str | None],
        *,
        every: timedelta = timedelta(milliseconds=100),
        longest: timedelta = LONGEST_ANSWER,
    ) -> None:
        self._ask = ask
        self._every = every.total_seconds()
        self._longest = longest.total_seconds()
        self._waits_until: float | None = None
        self._samples: list[Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:  # which says more than a missing answer
            self._wait()

    def end(self) -> None:
        """Ask no more questions, and don't wait: several that were told so end together."""
        self._stop.set()

    def stop(self) -> Series:
        """End it, after the answer it is waiting for, and return what it got. Raises CannotTell when that doesn't come."""
        self._wait()
        if self._thread.is_alive():
            raise CannotTell(f"a question that was asked throughout was not answered within {self._longest:g} s")
        return self.series()

    def _wait(self) -> None:
        self._stop.set()
        if self._waits_until is None:
            self._waits_until = time.monotonic() + self._longest
        self._thread.join(max(0.0, self._waits_until - time.monotonic()))

    def series(self) -> Series:
        """What it got so far."""
        return Series(tuple(self._samples))

    def _run(self) -> None:
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                complaint = self._ask()
            except Exception as error:  # noqa: BLE001 - whatever a client raises is a wrong answer, and is kept as one
                complaint = f"{type(error).__name__}: {error}"
            took = time.monotonic() - asked
            self._samples.append(Sample(asked, took, complaint))
            self._stop.wait(max(0.0, self._every - took))
