"""Remembers beside the database how far it was acknowledged, because SQLite opens an older file without a word.

A write-ahead log that was lost, or an older one that came back, leaves a database that passes every integrity check and lacks
what customers were told is done. The number is written after each commit and before its answers, without an fsync of its own:
a killed process loses none of it, and after a power cut it is too low at worst, which accuses nobody.
"""

import os
import struct
from pathlib import Path

from . import logs

_NUMBER = struct.Struct(">Q")


class Acknowledged:
    """The highest sequence number that was ever answered for, in a file of eight bytes that both colours write."""

    def __init__(self, database: Path) -> None:
        """Remember where it is; nothing is opened before `open`."""
        self.path = database.with_name(database.name + ".acknowledged")
        self._file: int | None = None
        self._highest = 0

    def open(self) -> int:
        """Open the file, making it where there is none, and answer the number in it (0: none yet). Raises OSError."""
        self.close()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        said = os.pread(self._file, _NUMBER.size, 0)
        self._highest = _NUMBER.unpack(said)[0] if len(said) == _NUMBER.size else 0
        return self._highest

    def note(self, sequence: int) -> None:
        """Write the number down where it is higher than the last; what can't be written is logged, and keeps nobody waiting."""
        if self._file is None or sequence <= self._highest:
            return
        try:
            os.pwrite(self._file, _NUMBER.pack(sequence), 0)
        except OSError:
            logs.failure("the acknowledged number could not be written", path=str(self.path))
            return
        self._highest = sequence

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
