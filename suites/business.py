"""Does the stack's business for a check, at the pace that the edge allows: other checks come from the same address."""

from __future__ import annotations

from datetime import timedelta

from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey
from stack.waiting import eventually

_TOO_FAST = 429
_WITHIN = timedelta(seconds=30)


def write(journey: Journey) -> Ack:
    """The next write, acknowledged; who is told to come more slowly does.

    Raises:
        CannotTell: no whole answer came, or it was refused as too fast for half a minute.
        SeatrialError: it was refused for another reason.

    """

    def once() -> Ack | None:
        try:
            return journey.act()
        except SeatrialError as refused:
            if getattr(refused, "status", None) != _TOO_FAST:
                raise
            return None

    try:
        return eventually(once, within=_WITHIN, every=timedelta(seconds=1), what="a write")
    except AssertionError as error:
        raise CannotTell(f"every write was refused as too fast for {_WITHIN.total_seconds():g} s") from error
