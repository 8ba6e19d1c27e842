"""The only place that sleeps, so that every wait has a bound, a reason and can be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar

from stack.errors import CannotTell

T = TypeVar("T")

_never = threading.Event()


def pause(seconds: float) -> None:
    """Wait for `seconds` (nothing when it is not positive); Ctrl-C and SIGTERM end it at once."""
    if seconds > 0:
        # An Event's wait returns to the interpreter for signals, and no other thread ever sets this one.
        _never.wait(seconds)


def eventually(
    probe: Callable[[], T | None | Literal[False]],
    *,
    within: timedelta,
    every: timedelta,
    what: str = "",
) -> T:
    """Ask `probe` every `every` until it answers with something true, and return that answer.

    The probe is always asked at least once, and one last time when `within` is over, so that a slow probe is not
    mistaken for a slow system. `what` names what is awaited, for the message.

    Raises:
        AssertionError: the probe kept answering "not yet" (None, False or empty): a missed objective, so a FAIL.
        CannotTell: the last thing the probe did was to raise `CannotTell` or a `ConnectionError`: nobody could be asked.
        Whatever else the probe raises goes through at once.

    """
    began = time.monotonic()
    deadline = began + within.total_seconds()
    name = what or getattr(probe, "__name__", "the probe")
    while True:
        last_try = time.monotonic() >= deadline
        unasked: Exception | None = None
        answer: T | None | Literal[False] = None
        try:
            answer = probe()
        except (CannotTell, ConnectionError) as error:
            unasked = error
        if answer:
            return answer
        if last_try:
            waited = time.monotonic() - began
            if unasked is not None:
                message = f"{name}: could not be asked for {waited:.1f} s ({unasked})"
                raise CannotTell(message) from unasked
            message = f"{name}: not within {within.total_seconds():g} s (last answer after {waited:.1f} s: {answer!r})"
            raise AssertionError(message)
        pause(min(every.total_seconds(), deadline - time.monotonic()))
