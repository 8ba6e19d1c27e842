"""Have services log numbered lines without a break while a link of the lines' way is killed, and count which arrived.

A line is written once the command that wrote it has ended well. What was being written when its own container died is not
counted: the engine may never have had it. Read twice is not lost: a shipper that reads again what it may not have sent is right.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.faults.container import Killed
from chaos.injection import Injection, injected
from stack.clients.http import Refused
from stack.errors import CannotTell
from stack.waiting import eventually
from suites.observability.shipping import OUTPUT

if TYPE_CHECKING:
    from stack.model import Stack

_BATCH = 5
_BREATH_SECONDS = 0.3
"""Between two rounds of a writer: the lines are to flow, not to load the machine."""
_WRITERS = 3
_MOST_LINES = 5000
"""What Loki answers at most (its max_entries_limit_per_query)."""
_BITES_WITHIN = timedelta(seconds=15)
_ROUND_WITHIN = timedelta(seconds=60)
_ARRIVE_WITHIN = timedelta(seconds=15)
_SOON = timedelta(milliseconds=200)
_NOW_AND_THEN = timedelta(seconds=1)


@dataclass
class Tally:
    """One service's numbered lines."""

    service: str
    written: dict[int, float] = field(default_factory=dict)
    """When each was written (monotonic seconds)."""
    found: Counter[int] = field(default_factory=Counter)
    """How often each is in the store."""
    attempts: int = 0
    trouble: str = ""
    """Why lines could not be written, when that happened last."""

    @property
    def missing(self) -> list[int]:
        """What was written and is not in the store."""
        return sorted(self.written.keys() - self.found.keys())

    def written_between(self, since: float, until: float) -> int:
        """How many lines were written between two moments (monotonic seconds)."""
        return sum(since <= at < until for at in self.written.values())


@dataclass(frozen=True)
class Passage:
    """What became of everybody's lines while one link was killed and came back."""

    link: str
    tallies: tuple[Tally, ...]
    killed: float
    """When the kill was asked for (monotonic seconds)."""
    back: float
    """When the link was proved to be well again."""
    counted_seconds: float
    """From there until all lines were found, or the time was up."""


def killed_on_the_way(stack: Stack, link: str, names: Sequence[str], *, within: timedelta) -> Passage:
    """Write in every service, kill `link`, write on until it is back and a round longer, and count for up to `within`.

    Raises CannotTell when the kill does not bite or the store can't be asked, RevertFailed when the link doesn't come back.
    """
    began = datetime.now(UTC) - timedelta(seconds=1)
    mark = f"seatrial-{secrets.token_hex(8)}"
    with _writing(stack, names, mark) as tallies:
        _a_round(tallies)
        _see_them_arrive(stack, tallies, mark, began)
        with injected(Killed(link), stack) as injection:
            _see_it_bite(stack, injection)
        back = time.monotonic()
        _a_round(tallies)
    _count(stack, tallies, mark, began, within=within)
    return Passage(link, tuple(tallies), injection.began, back, time.monotonic() - back)


@contextmanager
def _writing(stack: Stack, names: Sequence[str], mark: str) -> Iterator[list[Tally]]:
    tallies = [Tally(name) for name in names]
    enough = threading.Event()

    def write(mine: Sequence[Tally]) -> None:
        while not enough.is_set():
            for tally in mine:
                _write(stack, tally, mark)
            enough.wait(_BREATH_SECONDS)

    with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
        writers = [pool.submit(write, tallies[n::_WRITERS]) for n in range(_WRITERS)]
        try:
            yield tallies
        finally:
            enough.set()
    for writer in writers:
        writer.result()


def _write(stack: Stack, tally: Tally, mark: str) -> None:
    first = tally.attempts * _BATCH
    text = "".join(f"{mark} {tally.service} {number}\n" for number in range(first, first + _BATCH))
    try:
        done = stack.container(tally.service).exec(["tee", OUTPUT], stdin=text.encode(), timeout_seconds=10)
    except CannotTell as error:  # it is down, or went down under the command
        tally.trouble = str(error)
    else:
        if done.ok:
            tally.written |= dict.fromkeys(range(first, first + _BATCH), time.monotonic())
        else:
            tally.trouble = done.last_words()
    tally.attempts += 1


def _a_round(tallies: Sequence[Tally]) -> None:
    """Wait until everybody has begun and ended a batch from now on, whether it could be written or not."""
    wanted = {tally.service: tally.attempts + 2 for tally in tallies}
    try:
        eventually(
            lambda: all(tally.attempts >= wanted[tally.service] for tally in tallies),
            within=_ROUND_WITHIN, every=_SOON, what="a line of each service",
        )  # fmt: skip
    except AssertionError as error:
        raise CannotTell(f"writing lines takes too long: {error}") from error


def _see_it_bite(stack: Stack, injection: Injection) -> None:
    fault = injection.fault
    try:
        eventually(lambda: fault.witness(stack, injection.before), within=_BITES_WITHIN, every=_SOON, what=f"{fault}")
    except AssertionError as error:
        raise CannotTell(f"the kill had no effect that could be seen: {error}") from error


def _see_them_arrive(stack: Stack, tallies: Sequence[Tally], mark: str, began: datetime) -> None:
    """Wait until lines of everybody are in the store: a link that loses what it has accepted must have accepted something.

    Lines that don't arrive in time are no reason to stop: that they are missing is seen, and judged, at the end.
    """
    with suppress(AssertionError):
        eventually(
            lambda: _look(stack, tallies, mark, began) and all(tally.found for tally in tallies),
            within=_ARRIVE_WITHIN, every=_NOW_AND_THEN, what="a first line of each service in the store",
        )  # fmt: skip


def _count(stack: Stack, tallies: Sequence[Tally], mark: str, began: datetime, *, within: timedelta) -> None:
    """Look until every written line is there, or the time is up: what is missing then is the check's to judge."""
    with suppress(AssertionError):
        eventually(
            lambda: _look(stack, tallies, mark, began) and not any(tally.missing for tally in tallies),
            within=within, every=_NOW_AND_THEN, what="all lines in the store",
        )  # fmt: skip


def _look(stack: Stack, tallies: Sequence[Tally], mark: str, began: datetime) -> bool:
    """Count what is in the store now. Raises CannotTell when the store can't be asked, or can't say it in one answer."""
    try:
        lines = stack.loki.query_range(f'{{service=~".+"}} |= "{mark}"', start=began, limit=_MOST_LINES)
    except Refused as error:
        raise CannotTell(f"the store answers {error.status}") from error  # while it starts
    if len(lines) >= _MOST_LINES:
        raise CannotTell(f"more than {_MOST_LINES} lines were written, which can't be counted in one answer")
    seen = Counter(line.text.removeprefix(mark).strip() for line in lines)
    for tally in tallies:
        told = ((number, seen[f"{tally.service} {number}"]) for number in range(tally.attempts * _BATCH))
        tally.found = Counter({number: times for number, times in told if times})
    return True
