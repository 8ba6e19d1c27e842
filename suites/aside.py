"""Runs a function in a process of its own beside this one, and brings back what it returned or raised.

Why a process and no thread: a thread can't be interrupted, so Ctrl-C would have to wait for its end or leave what it made.
A process hears SIGTERM as Ctrl-C, and its `finally` blocks take back what it began; it hears it too when we are killed.
Nor does it take the interpreter's lock from whoever measures time meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import IO, Any, Generic, NoReturn, TypeVar

from stack.errors import CannotTell
from stack.interruption import Terminated, undisturbed
from stack.project import ROOT

T = TypeVar("T")

LONGEST_CLEAN_UP_SECONDS = 180.0
"""What takes longer to take back what it began is killed; the longest there is ends two stacks after another."""
_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that a process gets when the thread that started it has ended."""


class Aside(Generic[T]):
    """A function under way in another process, from the moment this is made."""

    def __init__(self, function: Callable[..., T], *args: object) -> None:
        """Start it. `function` is found by its name over there; `args` and what it returns or raises must be picklable.

        Raises:
            OSError: no further process can be started.

        """
        self.seconds = 0.0
        """How long the function itself took, once it is over."""
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._outcome: tuple[T | None, BaseException | None] | None = None
        with contextlib.ExitStack() as until_started:
            said, self._answer, self._stderr = (until_started.enter_context(_in_memory()) for _ in range(3))
            pickle.dump((function, args), said)
            said.seek(0)
            path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "suites.aside", str(os.getpid())],
                stdin=said, stdout=self._answer, stderr=self._stderr, env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # a terminal's Ctrl-C is for us alone: we tell it
            )  # fmt: skip
            until_started.pop_all()
            said.close()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._process.poll() is not None

    def outcome(self) -> T:
        """Wait for the end and return what the function returned, or raise what it raised; as often as it is asked.

        Raises:
            CannotTell: the process was ended, or died without a word of its outcome.

        """
        if self._outcome is None:
            self._process.wait()
            self._outcome = self._told()
        value, error = self._outcome
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # without an error it is what the function returned

    def cancel(self) -> None:
        """End it if it is under way, and return when it has taken back what it began.

        Raises:
            CannotTell: it had to be killed; something of it may be left.

        """
        with undisturbed():
            if not self.is_over:
                self._process.terminate()
                try:
                    self._process.wait(LONGEST_CLEAN_UP_SECONDS)
                except subprocess.TimeoutExpired as error:
                    os.killpg(self._process.pid, signal.SIGKILL)
                    self._process.wait()
                    message = f"{self._name} did not end within {LONGEST_CLEAN_UP_SECONDS:g} s and was killed: something may be left"
                    raise CannotTell(message) from error
            if self._outcome is None:
                self._outcome = self._told()

    def _told(self) -> tuple[T | None, BaseException | None]:
        """Read what the other process wrote down, and let go of its files."""
        with self._answer, self._stderr:
            self._answer.seek(0)
            written = self._answer.read()
            if written:
                self.seconds, value, error = pickle.loads(written)
                return value, error
            self._stderr.seek(0)
            words = self._stderr.read().decode(errors="replace").strip().splitlines()
        how = f"exit code {self._process.returncode}, {words[-1] if words else 'without a word'}"
        return None, CannotTell(f"{self._name} ended without an outcome ({how})")


def _in_memory() -> IO[bytes]:
    """A file without a name on any disk: what travels may hold secrets."""
    return os.fdopen(os.memfd_create("seatrial-aside"), "w+b")


def _main(parent: int) -> None:
    """Be the other process: do what standard input asks for, and write the outcome to standard output."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints is no part of the answer
    signal.signal(signal.SIGTERM, _terminate)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return  # it was gone before we asked to be told
    function, args = pickle.load(sys.stdin.buffer)
    value: Any = None
    raised: BaseException | None = None
    began = time.monotonic()
    try:
        value = function(*args)
    except Terminated:
        raise
    except BaseException as error:  # noqa: BLE001  whatever it is, it is raised over there
        traceback.print_exc()
        raised = _portable(error)
    with answer:
        answer.write(pickle.dumps((time.monotonic() - began, value, raised)))


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """End in order, once: a clean-up under way is not begun twice."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _portable(error: BaseException) -> BaseException:
    """The error, or one that says the same if it can't travel."""
    with contextlib.suppress(Exception):
        return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]  # what went in comes out
    return RuntimeError(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
