"""What the parties of an order may say about it, and when: who ships, releases, disputes, resolves and refunds.

Each is one transaction of the database. A decision about the money is only written down here; the escrow worker carries
it out, and the order moves on when the chain has confirmed it.
"""

import time
from dataclasses import dataclass
from typing import Literal

from . import arbiters, journal
from .connection import Connection
from .errors import Forbidden, NoEscrow, NotFound, WrongState
from .escrow import records, rules
from .replies import State
from .transitions import Moved, move

Role = Literal["buyer", "vendor", "arbiter"]


@dataclass(frozen=True)
class Case:
    """An order, and what somebody is in it."""

    order_id: str
    state: State
    role: Role
    was_shipped: bool
    """Whether the vendor said so, and with it where to pay."""


@dataclass(frozen=True)
class Decided:
    """A payout that the worker will make."""

    order_id: str
    state: State
    kind: rules.Kind
    sequence: int


def ship(connection: Connection, order_id: str, account_id: str, payout_address: str) -> Moved:
    """Let the vendor say that the goods are on their way, and where the money shall go.

    Raises NotFound, Forbidden, NoEscrow, WrongState.
    """
    case = _case(connection, order_id, account_id, may=("vendor",))
    price, _, covered, _ = records.balance(connection, order_id)
    if case.state == "funded" and covered < price:
        raise WrongState("The chain took its deposit back; it is shipped once that has arrived again.")
    moved = move(connection, order_id, "shipped", expected=frozenset({"funded"}))
    connection.execute("UPDATE escrows SET payout_address = ? WHERE order_id = ?", (payout_address, order_id))
    return moved


def dispute(connection: Connection, order_id: str, account_id: str) -> Moved:
    """Let either party call the arbiter, as soon as there is money to argue about.

    Also before anything was shipped: else a vendor who never ships, or a buyer who never pays the rest, would lock the
    money for ever. Raises NotFound, Forbidden, NoEscrow, WrongState.
    """
    case = _case(connection, order_id, account_id, may=("buyer", "vendor"))
    _refuse_when_decided(connection, order_id)
    if case.state == "created" and not records.can_be_returned(connection, order_id):
        raise WrongState("Nothing was deposited for the order that is worth the fee of returning it.")
    return move(connection, order_id, "disputed", expected=frozenset({"created", "funded", "shipped"}))


def release(connection: Connection, order_id: str, account_id: str) -> Decided:
    """Let the buyer give the money to the vendor, also in a dispute. Raises NotFound, Forbidden, NoEscrow, WrongState."""
    case = _case(connection, order_id, account_id, may=("buyer",))
    return _decide(connection, case, "release", allowed={"shipped", "disputed"})


def refund(connection: Connection, order_id: str, account_id: str) -> Decided:
    """Let the vendor give in to a dispute. Raises NotFound, Forbidden, NoEscrow, WrongState."""
    case = _case(connection, order_id, account_id, may=("vendor",))
    return _decide(connection, case, "refund", allowed={"disputed"})


def resolve(connection: Connection, order_id: str, account_id: str, kind: rules.Kind) -> Decided:
    """Let the arbiter decide a dispute, never one of their own. Raises NotFound, Forbidden, NoEscrow, WrongState."""
    case = _case(connection, order_id, account_id, may=("arbiter",))
    return _decide(connection, case, kind, allowed={"disputed"})


def require_party(connection: Connection, order_id: str, account_id: str) -> None:
    """Raise NotFound unless the account is something in the order: to others it looks like none, whatever they send."""
    row = connection.execute("SELECT buyer_id, vendor_id FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None or _role(connection, account_id, buyer_id=row[0], vendor_id=row[1]) is None:
        raise NotFound("There is no such order of yours.")


def _case(connection: Connection, order_id: str, account_id: str, *, may: tuple[Role, ...]) -> Case:
    row = connection.execute(
        "SELECT o.state, o.buyer_id, o.vendor_id, e.order_id, e.payout_address"
        " FROM orders o LEFT JOIN escrows e ON e.order_id = o.id WHERE o.id = ?",
        (order_id,),
    ).fetchone()
    role = None if row is None else _role(connection, account_id, buyer_id=row[1], vendor_id=row[2])
    if role is None:
        raise NotFound("There is no such order of yours.")
    if role not in may:
        raise Forbidden(f"This is for the {' or the '.join(may)} to do.")
    if row[3] is None:
        raise NoEscrow
    return Case(order_id, row[0], role, was_shipped=row[4] is not None)


def _role(connection: Connection, account_id: str, *, buyer_id: str, vendor_id: str) -> Role | None:
    if account_id == buyer_id:
        return "buyer"
    if account_id == vendor_id:
        return "vendor"
    return "arbiter" if arbiters.is_one(connection, account_id) else None


def _decide(connection: Connection, case: Case, kind: rules.Kind, *, allowed: set[str]) -> Decided:
    if case.state not in allowed:
        raise WrongState(f"The order is {case.state}.")
    _refuse_when_decided(connection, case.order_id)
    if kind == "release" and not case.was_shipped:
        raise WrongState("The order was never shipped, so there is no address to pay its vendor at.")
    sequence = journal.record(connection, f"decide {kind}", case.order_id)
    connection.execute(
        "INSERT INTO payouts (order_id, number, kind, signers, sequence, decided_at) VALUES (?, 0, ?, ?, ?, ?)",
        (case.order_id, kind, "+".join(rules.signers(kind, decided_by=case.role)), sequence, time.time()),
    )
    return Decided(case.order_id, case.state, kind, sequence)


def _refuse_when_decided(connection: Connection, order_id: str) -> None:
    row = connection.execute("SELECT kind FROM payouts WHERE order_id = ? AND number = 0", (order_id,)).fetchone()
    if row:
        raise WrongState(f"Its {row[0]} has been decided already.")
