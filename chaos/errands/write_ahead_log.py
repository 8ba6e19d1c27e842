"""What an SQLite database's write-ahead log holds that its main file does not: only that is lost with the log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_LOG_FRAMES, _OF_THEM_IN_FILE = 4, 24
"""Which words of 32 bits of the -shm file say so, in the machine's order: mxFrame, nBackfill (sqlite.org/walformat.html, 2.1)."""
_HEADER_BYTES = 100
_CHECKPOINT_AT = 1000
"""SQLite moves the log into the file at the first commit that makes it this many frames long (wal_autocheckpoint)."""
_ROOM = 200
"""Frames until then: seconds of an experiment's own writes, so that nothing is moved between this answer and the fault."""
_WITHIN = timedelta(seconds=30)


def log_holds_more_than_file(service: str, path: str) -> Probe:
    """The log of the database at `path` in the service's container has frames that the file lacks, and keeps them for seconds."""

    def complaint(stack: Stack) -> str | None:
        argv = ["od", "-An", "-v", "-tu4", "-N", str(_HEADER_BYTES), f"{path}-shm"]
        done = stack.container(service).exec(argv)
        words = done.stdout.split()
        if not done.ok or len(words) * 4 != _HEADER_BYTES:
            raise CannotTell(f"{path}-shm of {service} can't be read: {done.last_words()}")
        frames, in_file = int(words[_LOG_FRAMES]), int(words[_OF_THEM_IN_FILE])
        if frames <= in_file:
            return f"all {frames} frames of {path}-wal are in the file too"
        if frames > _CHECKPOINT_AT - _ROOM:
            return f"{path}-wal is {frames} frames long and is about to be moved into the file"
        return None

    return Probe(f"{path}-wal holds writes that are nowhere else", complaint, _WITHIN)
