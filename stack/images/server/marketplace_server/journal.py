"""Numbers every acknowledged write, because "how much was lost" can only be said of things that were counted."""

import time

from .connection import Connection


def record(connection: Connection, kind: str, subject: str) -> int:
    """Write down an acknowledged write and return its sequence number, which grows monotonically across both colours."""
    (sequence,) = connection.execute(
        "INSERT INTO writes (kind, subject, at) VALUES (?, ?, ?) RETURNING sequence", (kind, subject, time.time())
    ).fetchone()
    return int(sequence)
