"""Opens the encrypted database in the one right way, because a forgotten pragma loses acknowledged writes silently."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlcipher3

if TYPE_CHECKING:
    # sqlcipher3 has the standard library's interface and no type information of its own.
    from sqlite3 import Connection
else:
    Connection = sqlcipher3.Connection


__all__ = ["Connection", "DatabaseUnavailable", "OlderThanAcknowledged", "WrongKey", "open_connection"]


class DatabaseUnavailable(Exception):
    """The database could not be used at all: locked for too long, full, unreadable, or closed."""


class WrongKey(DatabaseUnavailable):
    """The file is there but is no database under this key (SQLCipher cannot tell a wrong key from garbage)."""


class OlderThanAcknowledged(DatabaseUnavailable):
    """The file is a database and is whole, and lacks writes that customers were told are done."""


def open_connection(path: Path, key: str, *, busy_timeout_seconds: float, writes: bool) -> Connection:
    """Open `path` with SQLCipher 4's default cipher settings.

    WAL lets the two colours read while one writes; `synchronous=FULL` makes a commit survive a power cut, and not only
    a killed process. Raises WrongKey, or DatabaseUnavailable with the reason.
    """
    try:
        connection: Connection = sqlcipher3.connect(
            str(path),
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_timeout_seconds,
            cached_statements=256,
        )
    except sqlcipher3.Error as error:
        raise DatabaseUnavailable(f"cannot open {path}: {error}") from error
    try:
        # The key pragma takes no bound parameter: doubling the quote is SQL's own escape.
        connection.execute("PRAGMA key = '{}'".format(key.replace("'", "''")))
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # a temporary file would be a clear-text copy on disk
        if not writes:
            connection.execute("PRAGMA query_only = ON")
    except sqlcipher3.DatabaseError as error:
        connection.close()
        if "not a database" in str(error):
            raise WrongKey(f"{path} does not open with the key given") from error
        raise DatabaseUnavailable(f"cannot open {path}: {error}") from error
    return connection
