"""Takes over a payout that is on the chain and not in the database, which a restore made older than its own payouts.

The wallet that submitted a transaction remembers whom it paid; nothing is paid again, and the order ends as the chain says.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from .. import journal
from ..connection import Connection
from ..replies import State
from ..transitions import Moved, move
from .payouts import Attempt, keep
from .records import Deposit
from .rpc import RpcError
from .rules import CONFIRMATIONS, Kind, Payment, Wallet, counts, signers


class Unexplained(RpcError):
    """Money left an escrow, and neither the database nor a wallet can say to whom: somebody has to look."""


@dataclass(frozen=True)
class Outgoing:
    """A mined transaction that spent from a subaddress; amounts in piconero."""

    minor: int
    txid: str
    height: int
    fee: int
    destinations: tuple[tuple[str, int], ...]
    """Address and amount; empty where the wallet that told of it has forgotten them."""


@dataclass(frozen=True)
class Adopted:
    """A payout that was taken over, and how its order moved for it."""

    order_id: str
    kind: Kind
    moves: tuple[Moved, ...]


_BEFORE: dict[Kind, dict[str, tuple[State, ...]]] = {
    "release": {"funded": ("shipped",)},
    "refund": {"created": ("disputed",), "funded": ("disputed",), "shipped": ("disputed",)},
}
"""States that an order must have gone through, although the database has forgotten it, for the payout to settle it."""


def unknown_among(connection: Connection, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
    """Answer those that spent an escrow's money and were signed by nobody whom this database remembers, oldest first."""
    found = [
        one
        for one in outgoing
        if connection.execute(
            "SELECT 1 FROM escrows WHERE minor = ? AND NOT EXISTS (SELECT 1 FROM payout_attempts WHERE txid = ?)",
            (one.minor, one.txid),
        ).fetchone()
    ]
    return sorted(found, key=lambda one: one.height)


def adopt(connection: Connection, found: Outgoing) -> Adopted:
    """Write the payout down as if it had been signed here; the next round confirms it as any other.

    Raises Unexplained when it can't be said whom it paid, or from which deposits.
    """
    order_id, home, payee, state = connection.execute(
        "SELECT e.order_id, e.refund_address, e.payout_address, o.state FROM escrows e JOIN orders o ON o.id = e.order_id"
        " WHERE e.minor = ?",
        (found.minor,),
    ).fetchone()
    payments = paid_by(found, home=home, payee=payee)
    held = connection.execute(
        "SELECT txid, amount_piconero, height, outputs FROM escrow_deposits WHERE order_id = ? AND payout IS NULL ORDER BY height",
        (order_id,),
    ).fetchall()
    deposits = spent_by(found, [one for row in held if counts((one := Deposit(found.minor, *row)).amount, one.outputs)])
    kind: Kind = "release" if any(one.party == "vendor" for one in payments) else "refund"
    number = _row(connection, order_id, kind)
    moves = []
    if number == 0:
        for to_state in _BEFORE[kind].get(state, ()):
            moves.append(move(connection, order_id, to_state, expected=frozenset({state})))
    if kind == "release":
        vendor = next(one.address for one in payments if one.party == "vendor")
        connection.execute(
            "UPDATE escrows SET payout_address = ? WHERE order_id = ? AND payout_address IS NULL", (vendor, order_id)
        )
    keep(connection, order_id, number, Attempt(found.txid, "", found.fee, payments, deposits))
    return Adopted(order_id, kind, tuple(moves))


def paid_by(found: Outgoing, *, home: str, payee: str | None) -> tuple[Payment, ...]:
    """Say which party each destination is: the buyer's is known since the order; any other one is the vendor's.

    Raises Unexplained when the wallet does not remember them, or one is nobody's.
    """
    payments = []
    for address, amount in found.destinations:
        if address != home and payee not in {None, address}:
            raise Unexplained(f"transaction {found.txid} paid from subaddress {found.minor} to nobody of its order")
        payments.append(Payment("buyer" if address == home else "vendor", address, amount))
    if not payments:
        raise Unexplained(f"transaction {found.txid} spent from subaddress {found.minor}, and no wallet knows for whom")
    return tuple(payments)


def spent_by(found: Outgoing, held: Sequence[Deposit]) -> tuple[str, ...]:
    """Say which deposits it spent: all that could be spent when it was signed, so the oldest. Raises Unexplained."""
    left, spent = sum(amount for _, amount in found.destinations) + found.fee, list[str]()
    for deposit in held:
        if left > 0 and deposit.height + CONFIRMATIONS <= found.height:
            left -= deposit.amount
            spent.append(deposit.txid)
    if left:
        raise Unexplained(f"transaction {found.txid} did not spend what was deposited to subaddress {found.minor}")
    return tuple(spent)


def _row(connection: Connection, order_id: str, kind: Kind) -> int:
    """Answer the number of the open payout that it is, decided as it happened, or of a new one."""
    row = connection.execute(
        "SELECT number FROM payouts WHERE order_id = ? AND txid IS NULL ORDER BY number LIMIT 1", (order_id,)
    ).fetchone()
    if row:
        # Whatever was decided since the restore: the money has gone already, and this is where.
        connection.execute("UPDATE payouts SET kind = ? WHERE order_id = ? AND number = ?", (kind, order_id, row[0]))
        return int(row[0])
    (number,) = connection.execute(
        "SELECT COALESCE(MAX(number) + 1, 0) FROM payouts WHERE order_id = ?", (order_id,)
    ).fetchone()
    sequence = journal.record(connection, f"adopt {kind}", order_id)
    by: Wallet = "buyer" if kind == "release" else "arbiter"
    connection.execute(
        "INSERT INTO payouts (order_id, number, kind, signers, sequence, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
        (order_id, number, kind, "+".join(signers(kind, decided_by=by)), sequence, time.time()),
    )
    return int(number)
