"""Prints the escrows' books as JSON, for whoever compares them with the chain: `python -m marketplace_server.books`.

Read in one transaction, so that what is printed was true at one moment. It holds no names and no keys.
"""

import json
import sys
from typing import Any

import sqlcipher3

from .connection import Connection, DatabaseUnavailable, open_connection
from .settings import Settings, SettingsError


def read(connection: Connection) -> dict[str, Any]:
    """Answer the ledger's balances in piconero, how many transactions are wrong, and every escrow with its payouts."""
    ledger = dict(connection.execute("SELECT account, SUM(amount_piconero) FROM ledger_entries GROUP BY account"))
    (unbalanced,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM ledger_transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id"
        " GROUP BY t.id HAVING COALESCE(SUM(e.amount_piconero), 1) <> 0 OR t.posted = 0)"
    ).fetchone()
    escrows = connection.execute(
        "SELECT o.id, o.state, o.price_piconero, e.minor, e.payout_address, e.refund_address,"
        " (SELECT COALESCE(SUM(amount_piconero), 0) FROM escrow_deposits d WHERE d.order_id = o.id),"
        " COALESCE(h.amount, 0) FROM escrows e JOIN orders o ON o.id = e.order_id LEFT JOIN"
        # Summed up once for all orders: there is no index that would find an order's part in the ledger.
        " (SELECT t.order_id, SUM(n.amount_piconero) AS amount FROM ledger_entries n JOIN ledger_transactions t"
        "  ON t.id = n.transaction_id WHERE n.account = 'escrow' GROUP BY t.order_id) h ON h.order_id = o.id"
        " WHERE e.minor IS NOT NULL ORDER BY o.sequence"
    )
    names = ("id", "state", "price", "minor", "payout_address", "refund_address", "received", "held")
    orders = [dict(zip(names, row, strict=True)) for row in escrows]
    for order in orders:
        order["payouts"] = _payouts(connection, order["id"])
    return {"ledger": ledger, "unbalanced": unbalanced, "orders": orders}


def _payouts(connection: Connection, order_id: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT p.number, p.kind, p.txid, (SELECT json_group_array(a.txid) FROM payout_attempts a"
        " WHERE a.order_id = p.order_id AND a.number = p.number) FROM payouts p WHERE p.order_id = ? ORDER BY p.number",
        (order_id,),
    )
    return [{"number": n, "kind": kind, "txid": txid, "attempts": json.loads(tried)} for n, kind, txid, tried in rows]


def main() -> int:
    """Run the command. Exit codes: 0 printed, 4 bad settings or a database that does not open."""
    try:
        settings = Settings.from_environment()
        connection = open_connection(
            settings.database, settings.database_key, busy_timeout_seconds=settings.busy_timeout_seconds, writes=False
        )
    except (SettingsError, DatabaseUnavailable) as error:
        print(error, file=sys.stderr)
        return 4
    try:
        connection.execute("BEGIN")
        print(json.dumps(read(connection)))
    except sqlcipher3.Error as error:
        print(f"The database could not be read ({type(error).__name__}).", file=sys.stderr)
        return 4
    finally:
        connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
