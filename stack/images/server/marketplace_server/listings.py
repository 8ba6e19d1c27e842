"""Listings: what can be bought; made, read, paged and searched."""

import re
import secrets
import time
from typing import Any, cast

from . import journal, replies
from .connection import Connection
from .errors import NotFound

_NAMES = tuple(replies.Listing.__annotations__)
_COLUMNS = ", ".join(f"l.{name}" for name in _NAMES)


def create(
    connection: Connection, vendor_id: str, title: str, description: str, price_piconero: int
) -> replies.Listing:
    """Make a listing; the price is in piconero (1e-12 XMR)."""
    listing_id = secrets.token_hex(12)
    sequence = journal.record(connection, "listing", listing_id)
    row = (listing_id, sequence, vendor_id, title, description, price_piconero, time.time())
    connection.execute(
        f"INSERT INTO listings ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})",
        row,
    )
    return _listing(row)


def get(connection: Connection, listing_id: str) -> replies.Listing:
    """Read one listing. Raises NotFound."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM listings l WHERE l.id = ?", (listing_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such listing.")
    return _listing(row)


def page(connection: Connection, *, q: str, vendor: str, page: int, per_page: int) -> replies.ListingPage:
    """Read one page, newest first. `q` finds listings that have every word of it, the last one as a beginning."""
    where, parameters = [], []  # type: list[str], list[Any]
    tables = "listings l"
    if words := re.findall(r"\w+", q):
        tables = "listings_search s JOIN listings l ON l.sequence = s.rowid"
        where.append("s.listings_search MATCH ?")
        # Quoted words are data to FTS5, so no operator of its query language gets through.
        parameters.append(" ".join(f'"{word}"' for word in words) + "*")
    elif q.strip():
        return {"items": [], "page": page, "per_page": per_page, "next_page": None}
    if vendor:
        where.append("l.vendor_id = ?")
        parameters.append(vendor)
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    order = "s.rowid" if words else "l.sequence"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {tables} {condition} ORDER BY {order} DESC LIMIT ? OFFSET ?",
        (*parameters, per_page + 1, (page - 1) * per_page),
    ).fetchall()
    return {
        "items": [_listing(row) for row in rows[:per_page]],
        "page": page,
        "per_page": per_page,
        "next_page": page + 1 if len(rows) > per_page else None,
    }


def _listing(row: tuple[Any, ...]) -> replies.Listing:
    return cast(replies.Listing, dict(zip(_NAMES, row, strict=True)))
