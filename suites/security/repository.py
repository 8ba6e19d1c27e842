"""Asks git what it ignores and what it ever held, so that a secret once committed is found though it was deleted since."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stack.completed import Completed, complete
from stack.errors import CannotTell

HISTORY_SECONDS = 20.0
KEY_PATTERN = r"AGE-SECRET-KEY-1[0-9A-Z]{58}|^-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----$"


class Repository:
    """The git work tree that holds a stack."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """The work tree around a folder; None when there is none. CannotTell when git is not installed."""
        done = _git(folder, "rev-parse", "--show-toplevel")
        return cls(Path(done.stdout.strip())) if done.code == 0 else None

    def ignores(self, path: Path) -> bool:
        """Whether git ignores a path, there or not yet."""
        return _git(self.top, "check-ignore", "-q", "--no-index", str(path)).code == 0

    def tracks(self, path: Path) -> bool:
        """Whether a path, or anything under it, is in the index."""
        return bool(_git(self.top, "ls-files", "--", str(path)).stdout.strip())

    def ever_held(self, path: Path) -> bool:
        """Whether any commit of any branch has the path, or anything under it."""
        return bool(self._history("--format=%h", "--", str(path)))

    def commits_with_keys(self) -> list[str]:
        """Abbreviated commits of any branch that add or remove a line with a private key in it."""
        return sorted(self._history("--format=%h", "-E", "-G", KEY_PATTERN))

    def _history(self, *arguments: str) -> list[str]:
        done = _git(self.top, "log", "--all", "--full-history", *arguments, seconds=HISTORY_SECONDS)
        if done.code != 0 and "does not have any commits" not in done.stderr:
            raise CannotTell(f"git could not read the history: {done.last_words()}")
        return done.stdout.split()


def others_may_read(path: Path) -> str | None:
    """Why somebody else than the owner can read a file or folder; None when nobody can, or it is not there."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
    return f"{path} has mode {mode:04o}, expected nothing for group and others" if mode & 0o077 else None


def _git(folder: Path, *arguments: str, seconds: float = 10.0) -> Completed:
    # A repository of another owner (a mounted checkout in CI) is only read here: no hook, no pager, no configured program runs.
    argv: Sequence[str] = ("git", "-C", str(folder), "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *arguments)
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}
    return complete(argv, timeout_seconds=seconds, env=env)
