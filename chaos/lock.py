"""One runner breaks a project at a time: a second one is refused, and told who is at it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from stack.errors import UserError


class ProjectTaken(UserError):
    """Another process holds the project's lock."""


class ProjectLock:
    """An flock on a file: the kernel drops it when the holder dies, however it dies. Not inherited by children."""

    def __init__(self, path: Path, project: str) -> None:
        self._path = path
        self._project = project
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises ProjectTaken, naming the holder, when another process has it. Taking it twice is harmless."""
        if self._descriptor is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self.holder()
            os.close(descriptor)
            raise ProjectTaken(f"project {self._project} is being broken by another runner: {holder}") from error
        os.ftruncate(descriptor, 0)
        me = {
            "pid": os.getpid(),
            "command": " ".join(sys.argv),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.pwrite(descriptor, json.dumps(me).encode(), 0)
        self._descriptor = descriptor

    def drop(self) -> None:
        """Let the next one in. Dropping what isn't held is harmless."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str:
        """Who wrote the lock file last, in words."""
        try:
            who = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return "one that has not said who it is"
        return f"pid {who['pid']} since {who['since']} ({who['command']})"
