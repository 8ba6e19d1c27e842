"""Somebody else has the database's write lock: a backup that hangs, a forgotten session, the other colour in a long migration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.cgroup import await_file
from chaos.effect import Fault
from chaos.faults.targets import helpers_at_work, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_TAKES_SECONDS = 10
"""For how long it waits for the lock: somebody writes all the time, and each of them has it for a moment."""
_MARGIN_SECONDS = 5
_LOCKED = "/tmp/locked"
_WRITE_LOCK_BYTE = "120"
"""Where in the -shm file the lock of WAL mode's one writer is (sqlite.org/walformat.html, WAL_WRITE_LOCK)."""
# It has the key from where the service has it, as the service's own user; nothing of it is written down or shown.
_LOCK = """
import pathlib, sys, time
path, key_file, seconds, waits, said = sys.argv[1:]
if key_file:
    import sqlcipher3 as sqlite
else:
    import sqlite3 as sqlite
connection = sqlite.connect(f"file:{path}?mode=rw", uri=True, timeout=float(waits), isolation_level=None)
if key_file:
    key = pathlib.Path(key_file).read_text().strip().replace("'", "''")
    connection.execute(f"PRAGMA key = '{key}'")
connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
connection.execute("BEGIN IMMEDIATE")
pathlib.Path(said).touch()
time.sleep(float(seconds))
connection.execute("ROLLBACK")
"""


@dataclass(frozen=True)
class DatabaseLocked(Fault):
    """Nobody can write to the service's database for some seconds; in WAL mode reading goes on."""

    seconds: float
    """For how long, at most: the lock goes by itself then."""
    path: str = ""
    """The database file in the service's container; empty: the one that the profile names."""
    key_file: str = ""
    """Where the service has its key; empty: where its DATABASE_PASSWORD_FILE points, and without that it has none."""

    effect: ClassVar[str] = "database_locked"
    family: ClassVar[str] = "resource"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def inject(self, stack: Stack) -> None:
        """Open the database from a helper with the service's image, user, volumes and key, and begin to write."""
        container = running(stack, self.service)[0]
        expires = self.seconds + _TAKES_SECONDS + _MARGIN_SECONDS
        argv = [self._path(stack), self._key_file(container), str(self.seconds), str(_TAKES_SECONDS), _LOCKED]
        helper = stack.driver.run_helper(
            ["timeout", f"{expires:g}", "python3", "-c", _LOCK, *argv],
            image=container["Image"],
            user=str(container["Config"].get("User") or "0"),
            network="none",
            volumes_from=container["Id"],
            detach=True,
            labels=self.tools,
        )
        assert isinstance(helper, str)
        await_file(stack, helper, _LOCKED, what=f"the write lock of {self._path(stack)} of {self.service}")

    def revert(self, stack: Stack) -> None:
        """Remove the helper: the kernel lets go of its locks, and SQLite forgets what was begun."""
        stack.driver.remove_helpers(**self.tools)

    def active(self, stack: Stack) -> bool:
        """Whether the helper that locks still runs."""
        return bool(helpers_at_work(stack, self))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The kernel lists the helper's lock on the one byte that stands for writing."""
        for helper in helpers_at_work(stack, self):
            held = stack.driver.exec(helper, ["cat", "/proc/locks"]).stdout.splitlines()
            # POSIX  ADVISORY  WRITE 7 fe:00:1234 120 120: of this helper's processes only (proc_locks(5)).
            if any(line.split()[-2:] == [_WRITE_LOCK_BYTE] * 2 and " WRITE " in line for line in held):
                return f"the write lock of {self._path(stack)} of {self.service} is held by somebody else"
        return None

    def _path(self, stack: Stack) -> str:
        if self.path:
            return self.path
        declared = stack.profile.database
        if declared is not None and declared.service == self.service:
            return declared.path
        raise CannotTell(f"{self}: the profile names no database of {self.service} ([database] service, path)")

    def _key_file(self, container: dict[str, Any]) -> str:
        given = dict(entry.partition("=")[::2] for entry in container["Config"].get("Env") or ())
        return self.key_file or str(given.get("DATABASE_PASSWORD_FILE", ""))
