"""Writes a file whole or not at all, and never for a moment with wider rights than asked."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: str | bytes, *, mode: int, owner: int | None = None) -> None:
    """Put `content` at `path` by a rename, so that a reader sees the old file or the new one and a kill leaves one of them.

    `owner` is a numeric uid (and gid); it is set only by root, since nobody else may give files away.
    The folder must exist. Errors are the operating system's own (`OSError`).
    """
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if owner is not None and os.geteuid() == 0:
                os.fchown(stream.fileno(), owner, owner)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def private_folder(path: Path, *, mode: int = 0o700, owner: int | None = None) -> Path:
    """Make `path` (and what leads to it) a folder with exactly `mode`, owned by `owner` when we are root."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None and os.geteuid() == 0:
        os.chown(path, owner, owner)
    return path
