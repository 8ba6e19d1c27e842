"""Keeps a small database in WAL mode, a wallet's file and two backups, made once; `--probe` asks whether it can be written.

It runs in a container of Debian's Python, so it imports nothing but the standard library.
"""

import contextlib
import sqlite3
import sys
import threading
from pathlib import Path

DATA = Path("/data")
BACKUPS = DATA / "backups"
MADE = DATA / "made"
"""There once everything is: a probe that came earlier would make an empty database, or be in the way of its making."""


def _opened(*, seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(DATA / "store.db", timeout=seconds, isolation_level=None)


def make() -> sqlite3.Connection:
    """What is there already is left as it is. While the connection is open, what was written stays in the log beside the file."""
    BACKUPS.mkdir(exist_ok=True)
    database = _opened(seconds=10)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, what TEXT NOT NULL)")
    database.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?)", [(one, f"order {one}") for one in range(100)])
    for number, path in enumerate((DATA / "wallet.bin", BACKUPS / "store-1.tar", BACKUPS / "store-2.tar")):
        if not path.exists():
            path.write_bytes(bytes((at * 31 + number) % 251 for at in range(65536)))
    MADE.touch()
    return database


def probe() -> None:
    """Take the write lock and let it go, without changing anything. Raises sqlite3.OperationalError where that can't be had."""
    if not MADE.exists():
        sys.exit("nothing is made yet")
    with contextlib.closing(_opened(seconds=1)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("SELECT count(*) FROM orders").fetchone()
        database.execute("ROLLBACK")


if __name__ == "__main__":
    if sys.argv[1:] == ["--probe"]:
        probe()
    else:
        kept = make()
        threading.Event().wait()
