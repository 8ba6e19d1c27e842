"""Listings: what can be bought; made, read, paged and searched."""

import re
import secrets
import time
from typing import Any

from . import journal
from .connection import Connection
from .errors import NotFound

_COLUMNS = "l.id, l.sequence, l.vendor_id, l.title, l.description, l.price_piconero, l.created_at"


def create(connection: Connection, vendor_id: str, title: str, description: str, price_piconero: int) -> dict[str, Any]:
    """Make a listing; the price is in piconero (1e-12 XMR)."""
    listing_id = secrets.token_hex(12)
    sequence = journal.record(connection, "listing", listing_id)
    row = (listing_id, sequence, vendor_id, title, description, price_piconero, time.time())
    connection.execute(
        "INSERT INTO listings (id, sequence, vendor_id, title, description, price_piconero, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    return _listing(row)


def get(connection: Connection, listing_id: str) -> dict[str, Any]:
    """Read one listing. Raises NotFound."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM listings l WHERE l.id = ?", (listing_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such listing.")
    return _listing(row)


def page(connection: Connection, *, q: str, vendor: str, page: int, per_page: int) -> dict[str, Any]:
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


def _listing(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("id", "sequence", "vendor_id", "title", "description", "price_piconero", "created_at")
    return dict(zip(names, row, strict=True))
