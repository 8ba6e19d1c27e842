"""Does the stack's business for a check as a well-behaved customer: who is told to come again later does."""

from __future__ import annotations

from datetime import timedelta

from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey
from stack.waiting import eventually

_WITHIN = timedelta(seconds=30)


def write(journey: Journey) -> Ack:
    """The next write, acknowledged.

    Another check may have used up what one address may send, or have taken a service away a moment ago.

    Raises:
        CannotTell: no whole answer came, or it was put off for half a minute.
        SeatrialError: it was refused for good.

    """
    reasons: list[str] = []

    def once() -> Ack | None:
        try:
            return journey.act()
        except SeatrialError as refused:
            if getattr(refused, "retry_after_seconds", None) is None:
                raise
            reasons[:] = [str(refused)]
            return None

    try:
        return eventually(once, within=_WITHIN, every=timedelta(seconds=1), what="a write")
    except AssertionError as error:
        raise CannotTell(f"a write was put off for {_WITHIN.total_seconds():g} s: {reasons[0]}") from error
