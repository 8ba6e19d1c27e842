"""Ctrl-C and SIGTERM, held back for the moment in which results are rendered.

Why this exists: somebody who stops a run still wants to read what it found. Rendering takes seconds; the signal is
obeyed after it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Hold back the two signals inside; the value handed out tells, also afterwards, whether one came."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # signals are the main thread's: there is nothing to hold here
        return
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in _SIGNALS}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
