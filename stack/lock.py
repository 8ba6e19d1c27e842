"""One at a time: a lock that the kernel drops when its holder dies, and that can say who the holder is."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack.errors import CannotTell, UserError


class Taken(UserError):
    """Another process holds the lock; the message names it."""


class Lock:
    """An flock on a file: the kernel drops it when the holder dies, however it dies.

    Children do not inherit it unless they are handed `descriptor`: then it is held until the last of them has ended too.
    """

    def __init__(self, path: Path, *, why: str, refusal: type[Taken] = Taken) -> None:
        """Nothing is taken yet. `why` begins the sentence of the refusal, whose end names the holder."""
        self._path = path
        self._why = why
        self._refusal = refusal
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that carries the lock; ValueError while it is not held."""
        if self._descriptor is None:
            raise ValueError(f"{self._path} is not locked by this process")
        return self._descriptor

    def take(self) -> None:
        """Raises Taken, naming the holder, when another process has it, and CannotTell when its file can't be made.

        Taking it twice is harmless.
        """
        if self._descriptor is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotTell(f"the lock {self._path} can't be made: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self.holder()
            os.close(descriptor)
            raise self._refusal(f"{self._why}: {holder}") from error
        os.ftruncate(descriptor, 0)
        me = {
            "pid": os.getpid(),
            "command": " ".join(sys.argv),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # It is held all the same where a full disk has no room for the name: whoever frees the disk or heals must not be kept out.
        with suppress(OSError):
            os.pwrite(descriptor, json.dumps(me).encode(), 0)
        self._descriptor = descriptor

    def drop(self) -> None:
        """Let the next one in. Dropping what isn't held is harmless."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str:
        """Who wrote the lock file last, in words."""
        who = self._written()
        if who is None:
            return "one that has not said who it is"
        return f"pid {who['pid']} since {who['since']} ({who['command']})"

    def holder_lives(self) -> bool:
        """Whether whoever wrote the lock file last still runs; if not, it is a child of theirs that holds on."""
        who = self._written()
        return who is None or Path(f"/proc/{who['pid']}").exists()

    def _written(self) -> dict[str, Any] | None:
        try:
            who: dict[str, Any] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return who
