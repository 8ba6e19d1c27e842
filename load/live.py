"""What a load meets while it still runs: each request on a line of its own as it happens, and what a reader makes of a stretch of it.

Times are CLOCK_MONOTONIC, which the load's process shares with whoever reads on the same machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

LATE_SECONDS = 2.0
"""At the 99th percentile: a generator that late may have asked only when the outage was over, since faults stand 2 s and longer.

Of the 60 to 180 requests of an experiment that percentile is the latest but one, so anything shorter would blame the load for
every moment in which a busy machine stood still, though no outage that a fault makes could hide in it.
"""
FEWEST_SHARE = 0.5
"""Of the requests that the rate would bring: below that the load was not the load that was asked for."""


class LiveLog:
    """Appends to a file, each line whole and at once: the load's side."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", buffering=1)

    def due(self, number: int, intended: float) -> None:
        """A request is due."""
        self._file.write(f"> {number} {intended:.6f}\n")

    def answered(self, number: int, *, lag: float, latency: float, error: str) -> None:
        """It was answered or failed; seconds from the intended start, `error` empty for a right answer."""
        self._file.write(f"< {number} {lag:.6f} {latency:.6f} {error}\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


@dataclass(frozen=True)
class Request:
    """One request; times in seconds, `at` the intended start on the monotonic clock."""

    at: float
    lag: float
    latency: float
    error: str
    """Empty for a right answer."""


@dataclass
class LiveReader:
    """Follows such a file: the reader's side."""

    path: Path
    answered: dict[int, Request] = field(default_factory=dict)
    under_way: dict[int, float] = field(default_factory=dict)
    """When each was due."""
    _offset: int = 0

    def read(self) -> None:
        """Take in what was written since; a line that is not whole yet waits for the next time."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode("utf-8").splitlines():
            kind, number, *rest = line.split(" ", 4)
            if kind == ">":
                self.under_way[int(number)] = float(rest[0])
            elif (due := self.under_way.pop(int(number), None)) is not None:
                self.answered[int(number)] = Request(
                    due, float(rest[0]), float(rest[1]), rest[2] if len(rest) > 2 else ""
                )

    def is_waiting(self, before: float) -> bool:
        """Whether a request that was due before then is still unanswered."""
        return any(due < before for due in self.under_way.values())

    def between(self, begin: float, end: float) -> list[Request]:
        """The requests that were due in that time and are answered, in the order of their intended starts."""
        return sorted((r for r in self.answered.values() if begin <= r.at < end), key=lambda one: one.at)


def outages(requests: Iterable[Request]) -> list[tuple[float, float]]:
    """(start, length) of each stretch of failures: from the first failure's intended start to the next right answer's.

    Requests overlap, so what counts is who was due when: a right answer ends an outage when it was meant to start. An
    outage that had not ended counts up to the last request due.
    """
    found: list[tuple[float, float]] = []
    began: float | None = None
    last = 0.0
    for request in requests:
        last = request.at
        if request.error:
            began = request.at if began is None else began
        elif began is not None:
            found.append((began, request.at - began))
            began = None
    if began is not None:
        found.append((began, last - began))
    return found


def lateness(requests: list[Request], *, expected: float) -> str:
    """Why the generator was the bottleneck; empty when it was not. `expected` is how many requests the rate brings."""
    if len(requests) < FEWEST_SHARE * expected:
        return f"it made {len(requests)} requests where {expected:.0f} were due"
    lags = sorted(request.lag for request in requests)
    late = lags[min(len(lags) - 1, int(0.99 * len(lags)))] if lags else 0.0
    return f"its requests started {late:.2f} s late" if late > LATE_SECONDS else ""


def errors(requests: Iterable[Request]) -> Counter[str]:
    """How often each failure was met."""
    return Counter(request.error for request in requests if request.error)
