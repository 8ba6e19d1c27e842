"""Ctrl-C and SIGTERM, obeyed where nothing of pytest is half done.

Why this exists: a signal raises wherever the program happens to be. In the middle of a hook's wrapper that makes an internal error
of an ordinary Ctrl-C, and results are lost. So: inside a check or a fixture's set-up it interrupts at once (they can take
minutes, and clean up after themselves); anywhere else the session stops at its next safe point, within moments. Who signals again
after two seconds is obeyed on the spot.

(conftest.py imports this before pytest could rewrite its assertions, of which it has none: PYTEST_DONT_REWRITE.)
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

_OURS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals and the handlers we replace: whoever set another decides for himself."""
_PATIENCE_SECONDS = 2.0


class _Stop:
    """The handler of both signals, and where the program is."""

    def __init__(self) -> None:
        self.name = ""
        self.since = 0.0
        self.interruptible = 0
        self.sessions: list[pytest.Session] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Stop now or soon."""
        again = bool(self.name) and time.monotonic() - self.since > _PATIENCE_SECONDS
        if not self.name:
            self.name, self.since = ("Ctrl-C" if number == signal.SIGINT else "SIGTERM"), time.monotonic()
        for session in self.sessions:
            session.shouldstop = self.reason
        if self.interruptible or again:
            raise _interrupt(number)

    @property
    def reason(self) -> str:
        """What pytest says of it."""
        return f"stopped by {self.name}"


def _interrupt(number: int) -> KeyboardInterrupt:
    if number == signal.SIGINT:
        return KeyboardInterrupt()
    from stack.interruption import Terminated

    return Terminated()


_STOP = _Stop()


def install() -> None:
    """Take the two signals over, for the rest of this process; a second call does nothing."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number, usual in _OURS.items():
        if signal.getsignal(number) is usual:
            signal.signal(number, _STOP)


def came() -> bool:
    """Whether somebody asked this process to stop."""
    return bool(_STOP.name)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Listen from here on, if ``conftest.py`` did not begin to."""
    install()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop before collection what was interrupted while pytest started."""
    _STOP.sessions.append(session)
    if _STOP.name:
        session.shouldstop = _STOP.reason


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Interrupt the body of a test at once."""
    _STOP.interruptible += 1
    try:
        return (yield)
    finally:
        _STOP.interruptible -= 1


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """Interrupt the set-up of a fixture at once: a bring-up takes long, and takes back what it began."""
    _STOP.interruptible += 1
    try:
        return (yield)
    finally:
        _STOP.interruptible -= 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Make the exit code say so too when the signal came while results were rendered."""
    try:
        return (yield)
    finally:
        if session in _STOP.sessions:
            _STOP.sessions.remove(session)
        if _STOP.name and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = pytest.ExitCode.INTERRUPTED
