"""What must be true of the marketplace's data at any moment, so also in any backup; each a count that must be 0."""

from __future__ import annotations

from pathlib import Path

from stack.ops.encrypted_database import connect

INVARIANTS = {
    "every transaction of the ledger sums to zero": (
        "SELECT count(*) FROM (SELECT transaction_id FROM ledger_entries GROUP BY transaction_id"
        " HAVING sum(amount_piconero) <> 0)"
    ),
    "every order, listing and account is one acknowledged write, and no two are the same": (
        "SELECT (SELECT count(*) FROM things) - (SELECT count(DISTINCT sequence) FROM things"
        " WHERE sequence IN (SELECT sequence FROM writes))"
    ),
    "every order is of a listing that is there, at its vendor and price": (
        "SELECT count(*) FROM orders LEFT JOIN listings ON listings.id = orders.listing_id"
        " WHERE listings.id IS NULL OR listings.vendor_id <> orders.vendor_id"
        " OR listings.price_piconero <> orders.price_piconero"
    ),
}
_THINGS = (
    "CREATE TEMP VIEW things AS SELECT sequence FROM orders UNION ALL SELECT sequence FROM listings"
    " UNION ALL SELECT sequence FROM accounts"
)


def broken(database: Path, key: str) -> list[str]:
    """Say which invariants a database file breaks, and how often."""
    connection = connect(database, key)
    try:
        connection.execute(_THINGS)
        counts = {sentence: int(connection.execute(sql).fetchone()[0]) for sentence, sql in INVARIANTS.items()}
    finally:
        connection.close()
    return [f"not true {count} times: {sentence}" for sentence, count in counts.items() if count]
