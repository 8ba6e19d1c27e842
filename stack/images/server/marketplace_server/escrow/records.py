"""What the database knows of escrows, so that a worker killed anywhere goes on from what was committed, and not from memory."""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import journal
from ..connection import Connection
from .rules import Decision, Payment


@dataclass(frozen=True)
class Deposit:
    """Money that a wallet has seen arrive at a subaddress; `amount` in piconero."""

    minor: int
    txid: str
    amount: int
    height: int


@dataclass(frozen=True)
class Attempt:
    """A signed transaction of a payout, as written down before it was submitted."""

    txid: str
    signed: str
    fee: int
    payments: tuple[Payment, ...]
    deposits: tuple[str, ...]
    """The transactions whose deposits it spends."""


@dataclass(frozen=True)
class Open:
    """A payout that the chain has not confirmed yet, with the attempts made so far, oldest first."""

    decision: Decision
    deposits: tuple[str, ...]
    attempts: tuple[Attempt, ...]


def open_for(connection: Connection, order_id: str, refund_address: str) -> None:
    """Begin the escrow of an order; the worker gives it its address."""
    connection.execute("INSERT INTO escrows (order_id, refund_address) VALUES (?, ?)", (order_id, refund_address))


def told(connection: Connection, order_id: str) -> dict[str, Any] | None:
    """Answer what the parties of an order are told of its escrow; None when it has none."""
    row = connection.execute("SELECT deposit_address FROM escrows WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        return None
    received, held = connection.execute(
        "SELECT COALESCE(SUM(amount_piconero), 0), COALESCE(SUM(amount_piconero) FILTER (WHERE payout IS NULL), 0)"
        " FROM escrow_deposits WHERE order_id = ?",
        (order_id,),
    ).fetchone()
    payouts = connection.execute(
        "SELECT kind, txid FROM payouts WHERE order_id = ? ORDER BY number", (order_id,)
    ).fetchall()
    return {
        "deposit_address": row[0],
        "received_piconero": received,
        "held_piconero": held,
        "payouts": [{"kind": kind, "txid": txid} for kind, txid in payouts],
    }


def any_open(connection: Connection) -> bool:
    """Whether there is any escrow at all: until then no wallet is asked anything."""
    return connection.execute("SELECT 1 FROM escrows LIMIT 1").fetchone() is not None


def without_address(connection: Connection, limit: int) -> list[str]:
    """Answer orders whose escrow has no address yet, longest waiting first."""
    rows = connection.execute(
        "SELECT e.order_id FROM escrows e JOIN orders o ON o.id = e.order_id WHERE e.minor IS NULL"
        " ORDER BY o.sequence LIMIT ?",
        (limit,),
    )
    return [str(order_id) for (order_id,) in rows]


def highest_minor(connection: Connection) -> int:
    """Answer the highest subaddress that was given to an escrow; 0 without any."""
    (highest,) = connection.execute("SELECT COALESCE(MAX(minor), 0) FROM escrows").fetchone()
    return int(highest)


def assign(connection: Connection, order_id: str, minor: int, address: str) -> None:
    """Give an escrow its subaddress, for ever."""
    connection.execute(
        "UPDATE escrows SET minor = ?, deposit_address = ? WHERE order_id = ? AND minor IS NULL",
        (minor, address, order_id),
    )


def owner_of(connection: Connection, deposit: Deposit) -> tuple[str, bool] | None:
    """Answer the order a deposit is for, and whether it was credited already; None when it is no escrow's."""
    row = connection.execute(
        "SELECT e.order_id, d.txid IS NOT NULL FROM escrows e LEFT JOIN escrow_deposits d"
        " ON d.order_id = e.order_id AND d.txid = ? WHERE e.minor = ?",
        (deposit.txid, deposit.minor),
    ).fetchone()
    return None if row is None else (str(row[0]), bool(row[1]))


def new_among(connection: Connection, deposits: Sequence[Deposit]) -> list[Deposit]:
    """Answer those that are for an escrow and not credited yet."""
    owners = ((deposit, owner_of(connection, deposit)) for deposit in deposits)
    return [deposit for deposit, owner in owners if owner and not owner[1]]


def credit(connection: Connection, order_id: str, deposit: Deposit) -> None:
    """Write a confirmed deposit down and post it: from outside into the escrow."""
    sequence = journal.record(connection, "deposit", order_id)
    connection.execute(
        "INSERT INTO escrow_deposits (order_id, txid, amount_piconero, height, sequence) VALUES (?, ?, ?, ?, ?)",
        (order_id, deposit.txid, deposit.amount, deposit.height, sequence),
    )
    # Not in the ledger's txid: one transaction may pay into several escrows.
    entries = {"chain": -deposit.amount, "escrow": deposit.amount}
    post(connection, order_id, "deposit", txid=None, sequence=sequence, entries=entries)


def balance(connection: Connection, order_id: str) -> tuple[int, str, int, bool]:
    """Answer an order's price, its state, what was credited to it in all, and whether its settlement was decided."""
    row = connection.execute(
        "SELECT price_piconero, state, (SELECT COALESCE(SUM(amount_piconero), 0) FROM escrow_deposits WHERE order_id = o.id),"
        " EXISTS (SELECT 1 FROM payouts WHERE order_id = o.id AND number = 0) FROM orders o WHERE id = ?",
        (order_id,),
    ).fetchone()
    return int(row[0]), str(row[1]), int(row[2]), bool(row[3])


def left_behind(connection: Connection) -> list[tuple[str, tuple[int, ...]]]:
    """Answer orders that are settled, with no payout under way, and hold deposits that came afterwards; with the amounts."""
    rows = connection.execute(
        "SELECT d.order_id, d.amount_piconero FROM escrow_deposits d JOIN orders o ON o.id = d.order_id"
        " WHERE d.payout IS NULL AND o.state IN ('released', 'refunded') AND NOT EXISTS"
        " (SELECT 1 FROM payouts p WHERE p.order_id = d.order_id AND p.txid IS NULL) ORDER BY d.order_id"
    )
    found: dict[str, list[int]] = {}
    for order_id, amount in rows:
        found.setdefault(order_id, []).append(int(amount))
    return [(order_id, tuple(amounts)) for order_id, amounts in found.items()]


def decide_return(connection: Connection, order_id: str) -> None:
    """Decide that what came after the settlement goes back to the buyer; the arbiter signs for it."""
    sequence = journal.record(connection, "decide return", order_id)
    connection.execute(
        "INSERT INTO payouts (order_id, number, kind, signers, sequence, decided_at)"
        " SELECT ?1, MAX(number) + 1, 'refund', 'arbiter+buyer', ?2, ?3 FROM payouts WHERE order_id = ?1",
        (order_id, sequence, time.time()),
    )


def open_payouts(connection: Connection, limit: int) -> list[Open]:
    """Answer the payouts that are decided and not confirmed, in the order in which they were decided."""
    rows = connection.execute(
        "SELECT p.order_id, p.number, p.kind, p.signers, e.minor, o.price_piconero, e.refund_address, e.payout_address"
        " FROM payouts p JOIN escrows e ON e.order_id = p.order_id JOIN orders o ON o.id = p.order_id"
        " WHERE p.txid IS NULL ORDER BY p.sequence LIMIT ?",
        (limit,),
    ).fetchall()
    return [_open(connection, row) for row in rows]


def _open(connection: Connection, row: tuple[Any, ...]) -> Open:
    order_id, number, kind, signed_by, minor, price, back, onward = row
    deposits = connection.execute(
        "SELECT txid, amount_piconero FROM escrow_deposits WHERE order_id = ? AND payout IS NULL ORDER BY sequence",
        (order_id,),
    ).fetchall()
    amounts = tuple(int(amount) for _, amount in deposits)
    decision = Decision(order_id, number, kind, tuple(signed_by.split("+")), minor, price, amounts, back, onward)
    attempts = connection.execute(
        "SELECT txid, signed, fee_piconero, payments, deposits FROM payout_attempts WHERE order_id = ? AND number = ?"
        " ORDER BY at",
        (order_id, number),
    ).fetchall()
    return Open(decision, tuple(txid for txid, _ in deposits), tuple(map(_attempt, attempts)))


def _attempt(row: tuple[Any, ...]) -> Attempt:
    txid, signed, fee, payments, deposits = row
    return Attempt(txid, signed, fee, tuple(Payment(*one) for one in json.loads(payments)), tuple(json.loads(deposits)))


def keep(connection: Connection, decision: Decision, attempt: Attempt) -> None:
    """Write a signed transaction down, before it is submitted."""
    payments = json.dumps([[one.party, one.address, one.amount] for one in attempt.payments])
    connection.execute(
        "INSERT INTO payout_attempts (txid, order_id, number, signed, fee_piconero, payments, deposits, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.txid, decision.order_id, decision.number, attempt.signed, attempt.fee, payments,
            json.dumps(attempt.deposits), time.time(),
        ),
    )  # fmt: skip


def confirm(connection: Connection, decision: Decision, attempt: Attempt) -> None:
    """Post a payout that the chain has confirmed, and mark the deposits it spent."""
    connection.execute(
        "UPDATE payouts SET txid = ? WHERE order_id = ? AND number = ?",
        (attempt.txid, decision.order_id, decision.number),
    )
    for txid in attempt.deposits:
        connection.execute(
            "UPDATE escrow_deposits SET payout = ? WHERE order_id = ? AND txid = ? AND payout IS NULL",
            (decision.number, decision.order_id, txid),
        )
    paid = {"vendor": 0, "buyer": 0}
    for payment in attempt.payments:
        paid[payment.party] += payment.amount
    entries = {"vendors": paid["vendor"], "buyers": paid["buyer"], "fees": attempt.fee}
    entries["escrow"] = -sum(entries.values())
    sequence = journal.record(connection, decision.kind, decision.order_id)
    post(connection, decision.order_id, decision.kind, txid=attempt.txid, sequence=sequence, entries=entries)


def post(
    connection: Connection, order_id: str, kind: str, *, txid: str | None, sequence: int, entries: dict[str, int]
) -> None:
    """Post a balanced transaction to the ledger; the database refuses one that is not."""
    transaction_id = secrets.token_hex(12)
    connection.execute(
        "INSERT INTO ledger_transactions (id, order_id, kind, txid, sequence, at) VALUES (?, ?, ?, ?, ?, ?)",
        (transaction_id, order_id, kind, txid, sequence, time.time()),
    )
    connection.executemany(
        "INSERT INTO ledger_entries (transaction_id, account, amount_piconero) VALUES (?, ?, ?)",
        [(transaction_id, account, amount) for account, amount in entries.items() if amount],
    )
    connection.execute("UPDATE ledger_transactions SET posted = 1 WHERE id = ?", (transaction_id,))
