"""Runs the programs that set-up needs (apt-get, docker, pip), so that each is bounded in time and speaks in one sentence.

Standard library only: it runs before the virtual environment exists. Argument lists only, never a shell string.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.errors import UserError


@dataclass(frozen=True)
class Ran:
    """What a program answered: its exit code and everything that it printed."""

    argv: tuple[str, ...]
    code: int
    output: str

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.code == 0

    def last_words(self) -> str:
        """Return the line that most likely says what went wrong: the last that names an error, else the last."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        telling = [line for line in lines if line.lower().startswith(("e:", "error", "fatal"))]
        return (telling or lines or ["it said nothing"])[-1][:300]


def run(
    argv: Sequence[str],
    *,
    within_seconds: float,
    env: Mapping[str, str] | None = None,
    merge: bool = True,
) -> Ran:
    """Run `argv` to its end and return what it answered; a program that is not there answers with code 127.

    With `merge`, standard error is part of the output; else it is dropped. `env` is added to the environment.
    The program and its children are ended when the time is over or when an exception (Ctrl-C) arrives meanwhile.

    Raises:
        UserError: it did not end in time.

    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    except FileNotFoundError:
        return Ran(tuple(argv), 127, f"{argv[0]}: no such program")
    try:
        output, _ = process.communicate(timeout=within_seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        message = f"`{' '.join(argv[:4])}` did not end within {within_seconds:.0f} s"
        raise UserError(message) from error
    except BaseException:
        _end(process)
        raise
    return Ran(tuple(argv), process.returncode, output.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all it started: it leads its own process group."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.communicate(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        else:
            return
