"""A process that outlives the runner: when the runner's end of the pipe closes, it heals what the runner left standing.

`python -m chaos.watchdog` reads one JSON line that says which stack it is about, loads it, answers "ready" and waits for
the end of its input. The kernel closes the pipe however the runner dies, so there is nothing to time out or to poll.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chaos.heal import heal
from chaos.journal import Journal
from chaos.lock import ProjectLock, ProjectTaken
from stack.errors import CannotTell, SeatrialError
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from stack.model import Stack

_LOADER = "chaos.watchdog:load_stack"
_READY_WITHIN = timedelta(seconds=30)


def load_stack(spec: dict[str, Any]) -> Stack:
    """The stack that a runner's `spec` describes."""
    from stack.model import Stack

    profile = Path(spec["profile"]) if spec.get("profile") else None
    files = [Path(file) for file in spec["compose_files"]]
    return Stack.load(files, project=spec["project"], profile=profile, env=spec["env"])


def loaded(spec: dict[str, Any]) -> Stack:
    """The stack of a spec, by the loader that it names."""
    module, _, function = spec["loader"].partition(":")
    stack: Stack = getattr(importlib.import_module(module), function)(spec)
    return stack


def specify(stack: Stack, folder: Path) -> dict[str, Any]:
    """What a watchdog in another process needs to find the same stack and journal."""
    profile = getattr(getattr(stack, "profile", None), "path", None)
    return {
        "loader": getattr(stack, "loader", _LOADER),
        "project": stack.project,
        "compose_files": [str(Path(file).resolve()) for file in stack.compose_files],
        "profile": str(profile.resolve()) if profile else "",
        "env": dict(stack.driver.env),
        "folder": str(folder),
    }


class Watchdog:
    """The runner's side: start it, see that it lives, and end it by closing the pipe."""

    def __init__(self, spec: dict[str, Any], log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.watchdog"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # A session of its own: Ctrl-C in the terminal goes to the runner's group and must not reach the healer.
                start_new_session=True,
                cwd=Path(__file__).parent.parent,
                bufsize=0,
            )
        self._is_ready = False
        try:
            self._send(spec)
        except CannotTell:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The watchdog's process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Raises CannotTell when it died, or is not ready in time: no fault may be injected without it."""
        if self._is_ready and self.is_alive():
            return
        output = self._process.stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)

        def said() -> bool:
            if not self.is_alive():
                raise ChildProcessError
            return bool((output.read() or b"").strip())

        try:
            eventually(said, within=_READY_WITHIN, every=timedelta(milliseconds=20), what="the fault watchdog")
        except (ChildProcessError, AssertionError) as error:
            raise CannotTell(f"the fault watchdog did not start, see {self._log}") from error
        self._is_ready = True

    def close(self, *, within: timedelta = timedelta(seconds=10)) -> None:
        """Close the pipe and wait for it to end; it heals whatever still stands."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(within.total_seconds())
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, spec: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(spec).encode() + b"\n")
        except BrokenPipeError as error:
            raise CannotTell(f"the fault watchdog did not start, see {self._log}") from error


def watch(lines: IO[str], say: Callable[[str], None]) -> int:
    """Be the watchdog: the exit code is 1 when something could not be healed."""
    spec = json.loads(lines.readline())
    stack = loaded(spec)
    # Touch the engine now: the first call imports and connects, and later every millisecond counts.
    stack.driver.containers(all=True)
    say("ready")
    lines.read()
    folder = Path(spec["folder"])
    journal = Journal(folder / f"{spec['project']}.jsonl")
    if not journal.standing():
        return 0
    lock = ProjectLock(folder / f"{spec['project']}.lock", spec["project"])
    if not _take(lock, journal):
        return 0
    try:
        healed = heal(stack, journal)
    finally:
        lock.drop()
    for each in healed:
        sys.stderr.write(f"watchdog: {each.what}: {each.message}\n")
    return 0 if all(each.ok for each in healed) else 1


def _take(lock: ProjectLock, journal: Journal) -> bool:
    """Whether there is something to heal for this process: not when a new runner was quicker, for it heals first.

    The dead runner's own lock may be dropped a moment after its pipe.
    """
    while journal.standing():
        try:
            lock.take()
        except ProjectTaken:
            pause(0.05)
            continue
        return True
    return False


def _main() -> int:
    # The runner's death may come with a SIGHUP or a SIGTERM to everything around; the healer's work comes after that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def say(word: str) -> None:
        sys.stdout.write(word + "\n")
        sys.stdout.flush()

    try:
        return watch(sys.stdin, say)
    except SeatrialError as error:
        sys.stderr.write(f"watchdog: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(_main())
