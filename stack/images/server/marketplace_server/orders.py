"""Orders: acknowledged once, however often they are asked for under one Idempotency-Key."""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, cast

from . import journal, replies
from .connection import Connection
from .errors import EscrowTooSmall, KeyReused, NotFound, OwnListing, WalletsUnavailable
from .escrow import records
from .escrow.rules import MIN_ESCROW_PICONERO

_NAMES = tuple(name for name in replies.Order.__annotations__ if name != "escrow")  # has tables of its own
_COLUMNS = ", ".join(_NAMES)
_ARBITRATED = (
    "(EXISTS (SELECT 1 FROM arbiters WHERE account_id = ?2)"
    " AND EXISTS (SELECT 1 FROM order_events WHERE order_id = ?1 AND to_state = 'disputed'))"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a buyer asks for."""

    buyer_id: str
    listing_id: str
    key: str
    note: str
    refund_address: str | None = None

    @property
    def fingerprint(self) -> bytes:
        """Tell two requests under one key apart; as JSON, whose ends of fields no note can imitate."""
        return hashlib.sha256(json.dumps([self.listing_id, self.note, self.refund_address]).encode()).digest()


@dataclass(frozen=True)
class Placed:
    """An order, and whether this request is the one that made it."""

    order: replies.Order
    is_new: bool


def place(connection: Connection, request: Request, *, wallets_answer: bool) -> Placed:
    """Take an order in state `created`, or answer again the one that was made under this key.

    A replay is answered without wallets too: the order was acknowledged, and saying otherwise would be a lie.
    With a refund address it gets an escrow. Raises KeyReused, NotFound (listing), OwnListing, WalletsUnavailable, EscrowTooSmall.
    """
    earlier = connection.execute(
        f"SELECT request_fingerprint, {_COLUMNS} FROM orders WHERE buyer_id = ? AND idempotency_key = ?",
        (request.buyer_id, request.key),
    ).fetchone()
    if earlier:
        if earlier[0] != request.fingerprint:
            raise KeyReused
        return Placed(_with_escrow(connection, _order(earlier[1:], request.buyer_id)), is_new=False)
    if not wallets_answer:
        raise WalletsUnavailable(retry_after_seconds=5)
    listing = connection.execute(
        "SELECT vendor_id, price_piconero FROM listings WHERE id = ?", (request.listing_id,)
    ).fetchone()
    if listing is None:
        raise NotFound("There is no such listing.")
    vendor_id, price = listing
    if vendor_id == request.buyer_id:
        raise OwnListing
    if request.refund_address and price < MIN_ESCROW_PICONERO:
        raise EscrowTooSmall(
            f"An escrow is made for at least {MIN_ESCROW_PICONERO} piconero: less is eaten up by its fee."
        )
    order = _insert(connection, request, vendor_id, price)
    if request.refund_address:
        records.open_for(connection, order["id"], request.refund_address)
    return Placed(_with_escrow(connection, order), is_new=True)


def get(connection: Connection, order_id: str, account_id: str) -> replies.Order:
    """Read an order of which the account is a party, or whose dispute it arbitrates. Raises NotFound, also for others' orders."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM orders WHERE id = ?1 AND (?2 IN (buyer_id, vendor_id) OR {_ARBITRATED})",
        (order_id, account_id),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such order of yours.")
    return _with_escrow(connection, _order(row, account_id))


def page(connection: Connection, buyer_id: str, *, page: int, per_page: int) -> replies.OrderPage:
    """Read one page of what the account bought, oldest first: a page stays what it was while orders are added."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM orders WHERE buyer_id = ? ORDER BY sequence LIMIT ? OFFSET ?",
        (buyer_id, per_page + 1, (page - 1) * per_page),
    ).fetchall()
    return {
        "items": [_order(row, buyer_id) for row in rows[:per_page]],
        "page": page,
        "per_page": per_page,
        "next_page": page + 1 if len(rows) > per_page else None,
    }


def _insert(connection: Connection, request: Request, vendor_id: str, price: int) -> replies.Order:
    order_id = secrets.token_hex(12)
    sequence = journal.record(connection, "order", order_id)
    now = time.time()
    row = (
        order_id, sequence, "created", request.listing_id, request.buyer_id, vendor_id,
        price, request.note, request.key, now, now,
    )  # fmt: skip
    connection.execute(
        f"INSERT INTO orders ({_COLUMNS}, request_fingerprint) VALUES ({', '.join('?' * len(row))}, ?)",
        (*row, request.fingerprint),
    )
    connection.execute(
        "INSERT INTO order_events (order_id, to_state, sequence, at) VALUES (?, 'created', ?, ?)",
        (order_id, sequence, now),
    )
    return _order(row, request.buyer_id)


def _with_escrow(connection: Connection, order: replies.Order) -> replies.Order:
    escrow = records.told(connection, order["id"])
    return order if escrow is None else {**order, "escrow": escrow}


def _order(row: tuple[Any, ...], reader_id: str) -> replies.Order:
    order = cast(replies.Order, dict(zip(_NAMES, row, strict=True)))
    if order["buyer_id"] != reader_id:
        del order["idempotency_key"]  # the buyer's own means of retrying
    return order
