"""Lets one worker at a time act for the escrows, however many colours are up, and stops one that only believes it may."""

import time

from ..connection import Connection
from ..errors import Conflict

SECONDS = 3.0
"""How long a lease lasts without being renewed: what a killed worker's successor waits at most."""
RENEWED_EVERY_SECONDS = 1.0
"""So often is it renewed while a worker is at work: two renewals may fail or be late before it is lost."""
PATIENCE_SECONDS = 60.0
"""So long is it renewed for a worker that does not get on: as long as three calls to a wallet may take (rpc.py)."""
_NAME = "escrow"


class LostLease(Conflict):
    """Somebody else acts for the escrows now; what was to be written under the old token was not."""

    code, message = "lost_lease", "Another worker holds the escrows' lease."


def take(connection: Connection, holder: str, *, now: float | None = None) -> int | None:
    """Take or renew the lease and return its fencing token; None when another holder's has not run out.

    One that lasts longer than leases do was given by a clock that was ahead, and nobody waits for that: its holder, if it still
    lives, meets the fence.
    """
    moment = time.time() if now is None else now
    row = connection.execute("SELECT holder, token, expires_at FROM leases WHERE name = ?", (_NAME,)).fetchone()
    if row and row[0] != holder and moment < row[2] <= moment + SECONDS:
        return None
    token = row[1] + (row[0] != holder) if row else 1
    connection.execute(
        "INSERT INTO leases (name, holder, token, expires_at) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (name) DO UPDATE SET holder = ?2, token = ?3, expires_at = ?4",
        (_NAME, holder, token, moment + SECONDS),
    )
    return int(token)


def require(connection: Connection, token: int) -> None:
    """Raise LostLease unless `token` is the newest: the fence that every write of a worker passes, whatever its clock says."""
    row = connection.execute("SELECT token FROM leases WHERE name = ?", (_NAME,)).fetchone()
    if row is None or row[0] != token:
        raise LostLease


def give_up(connection: Connection, token: int) -> None:
    """End the lease, so that the other colour need not wait for it to run out."""
    connection.execute("UPDATE leases SET expires_at = 0 WHERE name = ? AND token = ?", (_NAME, token))
