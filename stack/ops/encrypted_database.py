"""Copies and inspects SQLCipher databases: what makes a copy whole, and what proves that it is.

Copying a live WAL database's main file loses committed rows while both integrity checks still pass on the copy
(measured, design/stack.md); the backup API reads one snapshot that includes the WAL.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.ops.command import Refused

if TYPE_CHECKING:
    from sqlcipher3 import dbapi2

BUSY_SECONDS = 30.0
# SQLite's SHARED lock bytes (sqlite3 source, os.h: PENDING_BYTE + 2, SHARED_SIZE): an open WAL connection holds one.
SHARED_FIRST = 0x40000002
SHARED_SIZE = 510


@dataclass(frozen=True)
class Contents:
    """What a database holds, counted by reading all of it."""

    tables: Mapping[str, int]
    """Rows by table."""
    highest_sequence: int
    """The highest acknowledged write: the maximum over every column named `sequence`; 0 where there is none."""
    schema_version: int
    cipher_version: str


def connect(path: Path, key: str, *, create: bool = False) -> dbapi2.Connection:
    """Open `path` with `key`; the caller closes it.

    Raises:
        Refused: there is no such file, or the key does not open it.

    """
    from sqlcipher3 import dbapi2

    if not create and not path.is_file():
        raise Refused(f"{path}: there is no database")
    connection = dbapi2.connect(str(path), timeout=BUSY_SECONDS)
    connection.execute(f"PRAGMA key = {quoted(key)}")
    if not create:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except dbapi2.DatabaseError as error:
            connection.close()
            raise Refused(f"{path.name}: the database key does not open it, or it is no SQLCipher database") from error
    return connection


def quoted(key: str) -> str:
    """Write a passphrase as a SQL string: a pragma takes no bound parameters."""
    return "'" + key.replace("'", "''") + "'"


def copy_live(source: Path, copy: Path, key: str) -> None:
    """Write one consistent, keyed snapshot of a database that others are writing to, as a single file, fsynced.

    One step: in WAL mode a reader blocks no writer, while a copy in several steps starts anew at each write of
    another process. Memory stays at SQLite's page cache, whatever the size.

    Raises:
        Refused: the source does not open with the key, or stayed locked.

    """
    from sqlcipher3 import dbapi2

    live = connect(source, key)
    try:
        target = connect(copy, key, create=True)
        try:
            live.backup(target)
            # the copy inherits WAL mode; as a plain journal it is one file, with nothing beside it to forget
            target.execute("PRAGMA journal_mode = DELETE")
        except dbapi2.DatabaseError as error:
            raise Refused(f"{source.name}: could not be copied ({error})") from error
        finally:
            target.close()
    finally:
        live.close()
    sync(copy)


def inspect(path: Path, key: str) -> Contents:
    """Read a database file through and through, and count what it holds.

    Raises:
        Refused: it does not open with the key, a page is not authentic, the structure is broken, or rows refer to
            rows that are not there.

    """
    from sqlcipher3 import dbapi2

    connection = connect(path, key)
    try:
        for pragma in ("cipher_integrity_check", "integrity_check", "foreign_key_check"):
            said = [row for row in connection.execute(f"PRAGMA {pragma}") if row != ("ok",)]
            if said:
                raise Refused(f"{path.name}: {pragma} found {len(said)} faults, the first: {said[0]}")
        return _count(connection)
    except dbapi2.DatabaseError as error:
        raise Refused(f"{path.name}: is damaged ({error})") from error
    finally:
        connection.close()


def _count(connection: dbapi2.Connection) -> Contents:
    names = [
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    tables: dict[str, int] = {}
    highest = 0
    for name in names:
        safe = '"' + name.replace('"', '""') + '"'
        tables[name] = _number(connection, f"SELECT count(*) FROM {safe}")
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({safe})")}
        if "sequence" in columns:
            highest = max(highest, _number(connection, f"SELECT coalesce(max(sequence), 0) FROM {safe}"))
    version = str(connection.execute("PRAGMA cipher_version").fetchone()[0])
    return Contents(tables, highest, _number(connection, "PRAGMA user_version"), version)


def _number(connection: dbapi2.Connection, sql: str) -> int:
    row: Any = connection.execute(sql).fetchone()
    return int(row[0])


def in_use(path: Path) -> bool:
    """Tell whether any process has the database open, without needing its key or changing anything.

    It tries, for a moment, for the lock that every open SQLite connection in WAL mode shares. Sees processes of
    this machine, containers included, and none of another machine's.
    """
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, SHARED_SIZE, SHARED_FIRST)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(descriptor)
    return False


def sync(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
