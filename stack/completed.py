"""Runs a program to its end with a bound on its time, so that no wedged client can hang a session."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell


@dataclass(frozen=True)
class Completed:
    """How a program ended."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.code == 0

    def last_words(self) -> str:
        """The last line it printed, which most often says what went wrong; pointers to a help text are no answer."""
        for text in (self.stderr, self.stdout):
            lines = [line.strip() for line in text.splitlines()]
            telling = [line for line in lines if line and not line.startswith(("See '", "Run '"))]
            if telling:
                return telling[-1][:400]
        return "it said nothing"


def complete(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    keep_open: Sequence[int] = (),
) -> Completed:
    """Run `argv` (never through a shell) and return its answer; `env` is the whole environment, None inherits ours.

    Whatever ends the wait early (time, Ctrl-C, SIGTERM) also ends the program and its children. It gets none of our open
    files but those of `keep_open`: a lock, which is then held until it has ended, also when we are killed.

    Raises:
        CannotTell: the program is not there or did not end within `timeout_seconds`.

    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            pass_fds=keep_open,
            start_new_session=True,  # a group of its own, so that its children can be ended with it
        )
    except OSError as error:
        message = f"{argv[0]}: cannot be run ({error.strerror})"
        raise CannotTell(message) from error
    try:
        out, err = process.communicate(stdin, timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        message = f"`{' '.join(map(str, argv))[:200]}` did not end within {timeout_seconds:g} s"
        raise CannotTell(message) from error
    except BaseException:
        _end(process)
        raise
    return Completed(
        tuple(argv),
        process.returncode,
        out.decode(errors="replace"),
        err.decode(errors="replace"),
        time.monotonic() - began,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, and make it end 5 s later."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return
