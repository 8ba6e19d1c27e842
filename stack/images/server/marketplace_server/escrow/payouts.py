"""What the database knows of payouts: decided, signed, confirmed; and what became of one that the chain took back.

A payout is open until a block has its transaction, and is open again when that block was reorganised away.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from .. import journal
from ..connection import Connection
from .records import held, post
from .rules import Decision, Payment, counts


@dataclass(frozen=True)
class Attempt:
    """A signed transaction of a payout, as written down before it was submitted."""

    txid: str
    signed: str
    """Empty for one that was found on the chain (adoption.py): there is nothing to submit."""
    fee: int
    payments: tuple[Payment, ...]
    deposits: tuple[str, ...]
    """The transactions whose deposits it spends."""


@dataclass(frozen=True)
class Open:
    """A payout that the chain has not confirmed yet, with the attempts made so far, oldest first."""

    sequence: int
    decision: Decision
    attempts: tuple[Attempt, ...]


def left_behind(connection: Connection) -> list[str]:
    """Answer orders that are settled, with no payout under way, and hold deposits that are worth returning."""
    # By its name, for SQLite would rather go through every deposit there ever was.
    rows = connection.execute(
        "SELECT d.order_id, d.amount_piconero, d.outputs FROM escrow_deposits d INDEXED BY escrow_deposits_held"
        " JOIN orders o ON o.id = d.order_id WHERE d.payout IS NULL AND o.state IN ('released', 'refunded')"
        " AND NOT EXISTS (SELECT 1 FROM payouts p WHERE p.order_id = d.order_id AND p.txid IS NULL)"
    )
    return sorted({str(order_id) for order_id, amount, outputs in rows if counts(amount, outputs)})


def decide_return(connection: Connection, order_id: str) -> None:
    """Decide that what came after the settlement goes back to the buyer; the arbiter signs for it."""
    sequence = journal.record(connection, "decide return", order_id)
    connection.execute(
        "INSERT INTO payouts (order_id, number, kind, signers, sequence, decided_at)"
        " SELECT ?1, MAX(number) + 1, 'refund', 'arbiter+buyer', ?2, ?3 FROM payouts WHERE order_id = ?1",
        (order_id, sequence, time.time()),
    )


def open_payouts(connection: Connection, after: int, limit: int) -> list[Open]:
    """Answer payouts that are decided and not confirmed, in the order in which they were decided, from `after` on."""
    rows = connection.execute(
        "SELECT p.sequence, p.order_id, p.number, p.kind, p.signers, e.minor, o.price_piconero, e.refund_address, e.payout_address"
        " FROM payouts p JOIN escrows e ON e.order_id = p.order_id JOIN orders o ON o.id = p.order_id"
        " WHERE p.txid IS NULL AND p.sequence > ? ORDER BY p.sequence LIMIT ?",
        (after, limit),
    ).fetchall()
    return [_open(connection, row) for row in rows]


def _open(connection: Connection, row: tuple[Any, ...]) -> Open:
    sequence, order_id, number, kind, signed_by, minor, price, back, onward = row
    signers = tuple(signed_by.split("+"))
    decision = Decision(order_id, number, kind, signers, minor, price, held(connection, order_id), back, onward)
    return Open(int(sequence), decision, attempts_of(connection, order_id, number))


def attempts_of(connection: Connection, order_id: str, number: int) -> tuple[Attempt, ...]:
    """Answer every transaction that was signed or found for a payout, oldest first."""
    rows = connection.execute(
        "SELECT txid, signed, fee_piconero, payments, deposits FROM payout_attempts WHERE order_id = ? AND number = ?"
        " ORDER BY at",
        (order_id, number),
    ).fetchall()
    return tuple(map(_attempt, rows))


def _attempt(row: tuple[Any, ...]) -> Attempt:
    txid, signed, fee, payments, deposits = row
    return Attempt(txid, signed, fee, tuple(Payment(*one) for one in json.loads(payments)), tuple(json.loads(deposits)))


def keep(connection: Connection, order_id: str, number: int, attempt: Attempt) -> None:
    """Write a signed transaction down, before it is submitted."""
    payments = json.dumps([[one.party, one.address, one.amount] for one in attempt.payments])
    connection.execute(
        "INSERT INTO payout_attempts (txid, order_id, number, signed, fee_piconero, payments, deposits, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.txid, order_id, number, attempt.signed, attempt.fee, payments,
            json.dumps(attempt.deposits), time.time(),
        ),
    )  # fmt: skip


def confirm(connection: Connection, decision: Decision, attempt: Attempt, height: int) -> None:
    """Post a payout that the chain has confirmed in the block at `height`, and mark the deposits it spent."""
    connection.execute(
        "UPDATE payouts SET txid = ?, height = ? WHERE order_id = ? AND number = ?",
        (attempt.txid, height, decision.order_id, decision.number),
    )
    for txid in attempt.deposits:
        connection.execute(
            "UPDATE escrow_deposits SET payout = ? WHERE order_id = ? AND txid = ? AND payout IS NULL",
            (decision.number, decision.order_id, txid),
        )
    sequence = journal.record(connection, decision.kind, decision.order_id)
    # One that was confirmed before, and taken back, is posted under its id already.
    is_posted = connection.execute("SELECT 1 FROM ledger_transactions WHERE txid = ?", (attempt.txid,)).fetchone()
    own_id = None if is_posted else attempt.txid
    post(connection, decision.order_id, decision.kind, txid=own_id, sequence=sequence, entries=_entries(attempt))


def _entries(attempt: Attempt) -> dict[str, int]:
    paid = {"vendor": 0, "buyer": 0}
    for payment in attempt.payments:
        paid[payment.party] += payment.amount
    entries = {"vendors": paid["vendor"], "buyers": paid["buyer"], "fees": attempt.fee}
    return {**entries, "escrow": -sum(entries.values())}


@dataclass(frozen=True)
class Confirmed:
    """A payout that a block has, or had."""

    order_id: str
    number: int
    kind: str
    txid: str
    height: int


def confirmed_since(connection: Connection, height: int) -> list[Confirmed]:
    """Answer the payouts that were confirmed in blocks above `height`."""
    rows = connection.execute(
        "SELECT order_id, number, kind, txid, height FROM payouts WHERE txid IS NOT NULL AND height > ?", (height,)
    )
    return [Confirmed(*row) for row in rows]


def mined_again(connection: Connection, payout: Confirmed, height: int) -> None:
    """Remember that another block has a payout's transaction now."""
    connection.execute("UPDATE payouts SET height = ? WHERE txid = ?", (height, payout.txid))


def reopen(connection: Connection, payout: Confirmed) -> None:
    """Take back what was posted for a payout whose block is gone: its money is in the escrow again, and it is open again.

    The order stays in the state it reached: what was decided is decided, and only the chain has to be told again.
    """
    sequence = journal.record(connection, f"{payout.kind} reorganised", payout.order_id)
    (attempt,) = (one for one in attempts_of(connection, payout.order_id, payout.number) if one.txid == payout.txid)
    back = {account: -amount for account, amount in _entries(attempt).items()}
    post(connection, payout.order_id, payout.kind, txid=None, sequence=sequence, entries=back)
    where = (payout.order_id, payout.number)
    connection.execute("UPDATE payouts SET txid = NULL, height = NULL WHERE order_id = ? AND number = ?", where)
    connection.execute("UPDATE escrow_deposits SET payout = NULL WHERE order_id = ? AND payout = ?", where)
