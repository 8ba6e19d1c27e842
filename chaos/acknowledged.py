"""Does the stack's business while something breaks, and looks afterwards for everything that was acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stack.errors import CannotTell
from stack.journey import Ack, Journey, Losses, journey_of
from stack.sailing import sail
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

RATE = 4.0
"""Writes a second."""
FEWEST = 4
"""So many are acknowledged before anything breaks: two accounts, something for sale and an order of it."""
LONGEST_SECONDS = 300.0
_BEGINS_WITHIN = timedelta(seconds=30)
_ENDS_WITHIN_SECONDS = 30.0


class Acknowledged:
    """A block in which the profile's journey writes; `verify` ends it and reads back what was acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self._journey = _Noted(journey_of(stack))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="journey", daemon=True)
        self.before = 0
        """How many writes were acknowledged before the block began."""

    def __enter__(self) -> Self:
        """Raises CannotTell when the stack acknowledges nothing: then nothing could be lost."""
        self._thread.start()
        try:
            eventually(
                lambda: self.count >= FEWEST,
                within=_BEGINS_WITHIN,
                every=timedelta(milliseconds=50),
                what="first writes",
            )
        except AssertionError as error:
            self._stop.set()
            raise CannotTell(
                f"only {self.count} writes were acknowledged beforehand, so nothing was injected"
            ) from error
        self.before = self.count
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    @property
    def count(self) -> int:
        """How many writes were acknowledged so far."""
        return len(self._journey.acks)

    def verify(self) -> Losses:
        """Stop writing, and look for all of it. Raises CannotTell when the stack can't be asked, or a write never ended."""
        self._stop.set()
        self._thread.join(_ENDS_WITHIN_SECONDS)
        if self._thread.is_alive():
            raise CannotTell(f"a write was still unanswered {_ENDS_WITHIN_SECONDS:g} s after the recovery")
        return self._journey.verify(self._journey.acks)

    def _write(self) -> None:
        # What is refused or goes unanswered while something is broken is no loss: only what was acknowledged counts.
        sail(self._journey, seconds=LONGEST_SECONDS, rate=RATE, until=self._stop.is_set)


class _Noted:
    """A journey whose acknowledgements can be counted while it writes."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self.acks: list[Ack] = []

    def act(self) -> Ack:
        """Write, and note it."""
        ack = self._journey.act()
        self.acks.append(ack)
        return ack

    def verify(self, acks: Sequence[Ack]) -> Losses:
        """Read back."""
        return self._journey.verify(acks)
