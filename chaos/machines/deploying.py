"""One `stack.ops deploy` or `rollback` as a process that can be watched by what it writes down, and killed in any of its steps."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stack.deployment.record import Book
from stack.errors import CannotTell
from stack.project import ROOT
from stack.waiting import pause

_OVER_WITHIN = timedelta(seconds=150)
"""Readiness is waited for 60 s, and rolling back may wait as long again: who takes longer hangs."""
_LOOK_EVERY_SECONDS = 0.01


class Deploying:
    """The process. The end of its block ends it, if it still runs."""

    def __init__(self, command: Sequence[str], words: Sequence[str], book: Book) -> None:
        """`command` is what stands before the words: python -m stack.ops."""
        self._argv = [*command, *words]
        self._book = book
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self.said = ""
        """The last line that it printed, once the block is over."""

    def __enter__(self) -> Self:
        # A file and no pipe: nobody reads while it runs, and a full pipe would stop it.
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, cwd=ROOT
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        assert self._output is not None
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        self.said = lines[-1] if lines else "it said nothing"
        self._output.close()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, once it has been started."""
        assert self._process is not None
        return self._process

    def reaches(self, phase: str) -> bool:
        """Wait until it has written down that it is in this phase; False when it ends before."""
        deadline = time.monotonic() + _OVER_WITHIN.total_seconds()
        while self.process.poll() is None:
            record = self._book.read()
            if record is not None and record.phase == phase:
                return True
            self._give_up(deadline)
            pause(_LOOK_EVERY_SECONDS)
        return False

    def ends(self) -> int:
        """Wait for its end and return its exit code. Raises AssertionError when it hangs."""
        try:
            return self.process.wait(_OVER_WITHIN.total_seconds())
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self} has not ended within {_OVER_WITHIN.total_seconds():g} s") from error

    def kill(self) -> None:
        """SIGKILL, as from the kernel's memory killer; harmless when it has ended. What it had started goes on."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __str__(self) -> str:
        return f"`{' '.join(self._argv[-8:])}`"

    def _give_up(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{self} has not ended within {_OVER_WITHIN.total_seconds():g} s")


def book_of(state: Path) -> Book:
    """The project's deployment record. Raises CannotTell when there is no state folder."""
    from stack.deployment.record import FILE

    if not state.is_dir():
        raise CannotTell(f"{state}: there is no state folder, so nothing can be deployed")
    return Book(state / FILE)
