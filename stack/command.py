"""Runs the programs that set-up needs (apt-get, docker, pip), so that each is bounded in time and speaks in one sentence.

Standard library only: it runs before the virtual environment exists. Argument lists only, never a shell string.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.errors import UserError

NO_SUCH_PROGRAM = 127
_GRACE_SECONDS = 10.0
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Ran:
    """What a program answered: its exit code and everything that it printed."""

    argv: tuple[str, ...]
    code: int
    output: str
    # It was ended since it had not said a word in the time that was given for that.
    stayed_silent: bool = False

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
    first_word_within_seconds: float | None = None,
    env: Mapping[str, str] | None = None,
    merge: bool = True,
) -> Ran:
    """Run `argv` to its end and return what it answered; a program that is not there answers with code 127.

    With `merge`, standard error is part of the output; else it is dropped. `env` is added to the environment.
    The program and its children are ended when the time is over or when an exception (Ctrl-C) arrives meanwhile; so is
    one that says nothing for `first_word_within_seconds`.

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
        return Ran(tuple(argv), NO_SUCH_PROGRAM, f"{argv[0]}: no such program")
    with _lock:
        _running.add(process)
    try:
        began = time.monotonic()
        output, complete = _read(process, began + within_seconds, first_word_within_seconds)
        silent = not complete and not output and first_word_within_seconds is not None
        if not complete and not silent:
            message = f"`{' '.join(argv[:4])}` did not end within {within_seconds:.0f} s"
            raise UserError(message)
        if silent:
            _end(process)
        return Ran(tuple(argv), process.wait(), output.decode(errors="replace"), stayed_silent=silent)
    finally:
        _end(process)
        with _lock:
            _running.discard(process)


def end_running() -> None:
    """End every program that `run` waits for in any thread: for Ctrl-C, which only the main thread hears of."""
    with _lock:
        processes = list(_running)
    for process in processes:
        _signal(process, signal.SIGTERM)


def _read(process: subprocess.Popen[bytes], deadline: float, first_word: float | None) -> tuple[bytes, bool]:
    """Read until the program closes its output (True), or until its time is over (False)."""
    assert process.stdout is not None
    until = deadline if first_word is None else min(deadline, time.monotonic() + first_word)
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, until - time.monotonic())):
                return bytes(output), False
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return bytes(output), True
            output += chunk
            until = deadline


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all it started: it leads its own process group."""
    if process.stdout is not None:
        process.stdout.close()
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        _signal(process, how)
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
