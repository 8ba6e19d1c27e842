"""What the database knows of escrows and their deposits: a worker killed anywhere goes on from what was committed."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .. import journal, replies
from ..connection import Connection
from ..payloads import MAX_PICONERO
from . import rules


@dataclass(frozen=True)
class Deposit:
    """Money that a wallet has seen arrive at a subaddress; `amount` in piconero."""

    minor: int
    txid: str
    amount: int
    height: int
    outputs: int = 1
    """In how many pieces it came: each is an input, with its own fee, to whatever spends it."""


def open_for(connection: Connection, order_id: str, refund_address: str) -> None:
    """Begin the escrow of an order; the worker gives it its address."""
    connection.execute("INSERT INTO escrows (order_id, refund_address) VALUES (?, ?)", (order_id, refund_address))


def told(connection: Connection, order_id: str) -> replies.Escrow | None:
    """Answer what the parties of an order are told of its escrow; None when it has none."""
    row = connection.execute("SELECT deposit_address FROM escrows WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        return None
    deposits = connection.execute(
        "SELECT amount_piconero, outputs, payout IS NULL FROM escrow_deposits WHERE order_id = ?", (order_id,)
    ).fetchall()
    payouts = connection.execute(
        "SELECT kind, txid FROM payouts WHERE order_id = ? ORDER BY number", (order_id,)
    ).fetchall()
    return {
        "deposit_address": row[0],
        "received_piconero": sum(amount for amount, _, _ in deposits),
        "held_piconero": sum(amount for amount, _, is_held in deposits if is_held),
        "too_small_piconero": sum(amount for amount, outputs, _ in deposits if not rules.counts(amount, outputs)),
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


def can_hold(connection: Connection, order_id: str, amount: int) -> bool:
    """Whether the ledger can hold a deposit, with what the order holds already: it is paid out in one transaction."""
    return 0 < amount <= MAX_PICONERO - sum(one.amount for one in held(connection, order_id))


def credit(connection: Connection, order_id: str, deposit: Deposit) -> None:
    """Write a confirmed deposit down and post it: from outside into the escrow."""
    sequence = journal.record(connection, "deposit", order_id)
    connection.execute(
        "INSERT INTO escrow_deposits (order_id, txid, amount_piconero, outputs, height, sequence) VALUES (?, ?, ?, ?, ?, ?)",
        (order_id, deposit.txid, deposit.amount, deposit.outputs, deposit.height, sequence),
    )
    # Not in the ledger's txid: one transaction may pay into several escrows.
    entries = {"chain": -deposit.amount, "escrow": deposit.amount}
    post(connection, order_id, "deposit", txid=None, sequence=sequence, entries=entries)


def withdraw(connection: Connection, order_id: str, deposit: Deposit) -> None:
    """Take a deposit back that the chain does not have any more; if it comes again, it is credited again."""
    sequence = journal.record(connection, "deposit withdrawn", order_id)
    connection.execute("DELETE FROM escrow_deposits WHERE order_id = ? AND txid = ?", (order_id, deposit.txid))
    entries = {"chain": deposit.amount, "escrow": -deposit.amount}
    post(connection, order_id, "deposit", txid=None, sequence=sequence, entries=entries)


def held_since(connection: Connection, height: int) -> list[tuple[str, Deposit]]:
    """Answer the deposits of blocks above `height` that no confirmed payout has spent, each with its order."""
    rows = connection.execute(
        "SELECT d.order_id, e.minor, d.txid, d.amount_piconero, d.height FROM escrow_deposits d"
        " JOIN escrows e ON e.order_id = d.order_id WHERE d.payout IS NULL AND d.height > ? ORDER BY d.sequence",
        (height,),
    )
    return [(str(order_id), Deposit(*rest)) for order_id, *rest in rows]


def mined_again(connection: Connection, order_id: str, txid: str, height: int) -> None:
    """Remember that a deposit is in another block now, or in none up to that height."""
    where = (order_id, txid)
    connection.execute("UPDATE escrow_deposits SET height = ? WHERE order_id = ? AND txid = ?", (height, *where))


def looked_at(connection: Connection) -> int:
    """Answer the height up to which the chain was compared with this database."""
    (height,) = connection.execute("SELECT height FROM escrow_progress").fetchone()
    return int(height)


def looked_up_to(connection: Connection, height: int) -> None:
    """Remember up to which height the chain was compared with this database."""
    connection.execute("UPDATE escrow_progress SET height = ?", (height,))


def balance(connection: Connection, order_id: str) -> tuple[int, str, int, bool]:
    """Answer an order's price, its state, what it holds that a release can spend, and whether its settlement was decided."""
    price, state, is_decided = connection.execute(
        "SELECT price_piconero, state, EXISTS (SELECT 1 FROM payouts WHERE order_id = o.id AND number = 0)"
        " FROM orders o WHERE id = ?",
        (order_id,),
    ).fetchone()
    covered = sum(one.amount for one in rules.spendable("release", price, held(connection, order_id)))
    return int(price), str(state), covered, bool(is_decided)


def held(connection: Connection, order_id: str) -> tuple[rules.Held, ...]:
    """Answer the deposits of an order that no confirmed payout has spent, oldest first."""
    rows = connection.execute(
        "SELECT txid, amount_piconero, outputs FROM escrow_deposits WHERE order_id = ? AND payout IS NULL ORDER BY sequence",
        (order_id,),
    )
    return tuple(rules.Held(*row) for row in rows)


def can_be_returned(connection: Connection, order_id: str) -> bool:
    """Whether an order holds anything that is worth sending back."""
    return any(rules.counts(one.amount, one.outputs) for one in held(connection, order_id))


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
