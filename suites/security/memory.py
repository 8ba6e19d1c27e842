"""Looks into what processes hold in memory, since a secret that was rotated on disk may live on in who read it before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.errors import CannotTell

CHUNK_BYTES = 4 * 1024 * 1024


def held(pid: int, needles: Mapping[str, bytes], *, proc: Path = Path("/proc")) -> frozenset[str]:
    """The names of the needles that the process `pid` holds in memory it can write; empty when it ended meanwhile.

    Raises:
        CannotTell: its memory can't be read (not root, or forbidden to root too).

    """
    overlap = max((len(needle) for needle in needles.values()), default=1) - 1
    found: set[str] = set()
    try:
        with (proc / str(pid) / "mem").open("rb", buffering=0) as memory:
            for start, end in _writable((proc / str(pid) / "maps").read_text()):
                tail = b""
                for chunk in _chunks(memory.fileno(), start, end):
                    data = tail + chunk
                    found |= {name for name, needle in needles.items() if needle in data}
                    tail = data[-overlap:] if overlap else b""
    except (FileNotFoundError, ProcessLookupError):
        return frozenset(found)
    except PermissionError as error:
        raise CannotTell(f"the memory of process {pid} can't be read: {error.strerror}") from error
    return frozenset(found)


def _writable(maps: str) -> Iterator[tuple[int, int]]:
    """The (start, end) of each region a process may write: what it read from a file is kept in no other."""
    for line in maps.splitlines():
        span, mode = line.split()[:2]
        if mode.startswith("rw"):
            start, _, end = span.partition("-")
            yield int(start, 16), int(end, 16)


def _chunks(handle: int, start: int, end: int) -> Iterator[bytes]:
    # A region may be unmapped while it is read, or belong to a device: what can't be read holds nothing to be found.
    with contextlib.suppress(OSError):
        while start < end:
            data = os.pread(handle, min(CHUNK_BYTES, end - start), start)
            if not data:
                return
            yield data
            start += len(data)
