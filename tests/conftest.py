"""What all of our own tests need of the process they run in."""

from __future__ import annotations

import signal


def pytest_sessionstart() -> None:
    """Hear Ctrl-C even where the session began deaf to it: a shell starts background jobs with SIGINT ignored, programs inherit
    that, and tests that interrupt a program of their own would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
