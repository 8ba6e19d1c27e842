"""Accounts, made so that neither register nor login tells whether a name exists."""

import secrets
import time
from dataclasses import dataclass

from . import journal
from .connection import Connection


@dataclass(frozen=True)
class Credentials:
    """What a login is checked against."""

    account_id: str
    password_hash: str


def create(connection: Connection, username: str, password_hash: str) -> tuple[str, int]:
    """Make an account and return its id and sequence number.

    A name that is taken is no error, for an error would tell that it exists: the account is made all the same and logs
    in by its id, while the name keeps leading to whoever had it first.
    """
    account_id = secrets.token_hex(12)
    name = username.lower()
    taken = connection.execute("SELECT 1 FROM accounts WHERE login_name = ?", (name,)).fetchone()
    sequence = journal.record(connection, "register", account_id)
    connection.execute(
        "INSERT INTO accounts (id, username, login_name, password_hash, sequence, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (account_id, username, None if taken else name, password_hash, sequence, time.time()),
    )
    return account_id, sequence


def find(connection: Connection, name_or_id: str) -> Credentials | None:
    """Find what a login names: an account's id, or a name. An id wins, so nobody can take over one by a name."""
    row = connection.execute(
        "SELECT id, password_hash FROM accounts WHERE id = ?1 OR login_name = ?2 ORDER BY id = ?1 DESC LIMIT 1",
        (name_or_id, name_or_id.lower()),
    ).fetchone()
    return Credentials(*row) if row else None
