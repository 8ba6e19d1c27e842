"""Let a revert finish: Ctrl-C and SIGTERM that come in the middle of it are delivered after it instead of being lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from stack.errors import CannotTell


class TookTooLong(CannotTell):
    """A call was not done within its bound; what it would have said, nobody knows."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back for the block, then deliver each one that came. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, remember) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(came):
            signal.raise_signal(late)


def bounded(call: Callable[[], None], *, within: timedelta, what: str) -> None:
    """Run `call`, and stop waiting for it after `within`: raises TookTooLong then, else whatever it raised.

    A call that hangs goes on in a daemon thread: it can't be killed, but it can't hold the session either.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - handed on to the waiting thread, whatever it is
            raised.append(error)

    worker = threading.Thread(target=run, name=what, daemon=True)
    worker.start()
    worker.join(within.total_seconds())
    if worker.is_alive():
        raise TookTooLong(f"{what} was not done within {within.total_seconds():g} s")
    if raised:
        raise raised[0]
