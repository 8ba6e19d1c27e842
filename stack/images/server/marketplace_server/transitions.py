"""Moves an order to its next state, once: the one place that does it, for requests and for the escrow worker alike."""

import time
from dataclasses import dataclass

from . import journal
from .connection import Connection
from .errors import WrongState
from .replies import State


@dataclass(frozen=True)
class Moved:
    """A state change that will be true once its transaction is committed; count it only then."""

    order_id: str
    from_state: str
    to_state: State
    sequence: int


def move(connection: Connection, order_id: str, to_state: State, *, expected: frozenset[str]) -> Moved:
    """Move an order from one of the `expected` states. Raises WrongState when it is in another.

    That the move is one of the state machine, and the first of its kind, is checked by the database itself (schema.py).
    """
    (state,) = connection.execute("SELECT state FROM orders WHERE id = ?", (order_id,)).fetchone()
    if state not in expected:
        raise WrongState(f"The order is {state}.")
    sequence = journal.record(connection, to_state, order_id)
    now = time.time()
    connection.execute("UPDATE orders SET state = ?, updated_at = ? WHERE id = ?", (to_state, now, order_id))
    connection.execute(
        "INSERT INTO order_events (order_id, to_state, from_state, sequence, at) VALUES (?, ?, ?, ?, ?)",
        (order_id, to_state, state, sequence, now),
    )
    return Moved(order_id, state, to_state, sequence)
