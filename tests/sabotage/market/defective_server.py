"""The marketplace's server with one defect, named by SABOTAGE: run inside the server's image, in place of its own entry point."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from marketplace_server import __main__ as program
from marketplace_server import database, journal, orders, settlement
from marketplace_server.errors import Unavailable, WalletsUnavailable, WrongState
from marketplace_server.escrow.triple import Triple
from marketplace_server.escrow.worker import Worker
from marketplace_server.metrics import Metrics
from marketplace_server.middleware.guard import Guard
from marketplace_server.middleware.observe import Observe
from marketplace_server.transitions import Moved
from marketplace_server.wallets import Wallets


def none() -> None:
    """Have no defect."""


# ── what is counted (OBS-APP-001) ───────────────────────────────────────────────────────────────────────────────────────


def labels_carry_paths() -> None:
    """Count under the path instead of the route's template."""

    def count(self: Any, scope: Any, status: int, seconds: float) -> None:
        self._metrics.requests.labels(scope["method"], scope["path"], str(status)).inc()
        self._metrics.duration.labels(scope["method"], scope["path"]).observe(seconds)

    Observe._count = count


def every_other_request_is_counted() -> None:
    """Lose half of the requests."""
    right, seen = Observe._count, [0]

    def count(self: Any, scope: Any, status: int, seconds: float) -> None:
        seen[0] += 1
        if seen[0] % 2:
            right(self, scope, status, seconds)

    Observe._count = count


def errors_count_as_successes() -> None:
    """Call every answer a 200."""
    right = Observe._count
    Observe._count = lambda self, scope, status, seconds: right(self, scope, 200, seconds)


def durations_are_milliseconds() -> None:
    """Observe milliseconds under a name that says seconds."""
    right = Observe._count
    Observe._count = lambda self, scope, status, seconds: right(self, scope, status, seconds * 1000)


def orders_count_twice() -> None:
    """Count each order once when it comes and once when it is done."""
    _counting(lambda metrics: _doubled(metrics.orders))


def escrows_are_not_counted() -> None:
    """Credit deposits and say nothing of it, and never say how much is held."""

    def silent(_right: Any) -> Any:
        return lambda *_: None

    def change(metrics: Any) -> None:
        _changed(metrics.deposits, "inc", silent)
        _changed(metrics.escrow_locked, "set", silent)

    _counting(change)


# ── what is answered while wallets are away (FLV-DEG-001) ───────────────────────────────────────────────────────────────


def orders_fail_without_wallets() -> None:
    """Answer 500."""
    right = Wallets.all_answer

    async def all_answer(self: Any) -> bool:
        if not await right(self):
            raise RuntimeError("no wallet")
        return True

    Wallets.all_answer = all_answer


def nobody_is_told_when_to_come_back() -> None:
    """Answer 503 without Retry-After."""
    right = Unavailable.__init__

    def rude(self: Any, *arguments: Any, **named: Any) -> None:
        right(self, *arguments, **named)
        self.headers = {}

    Unavailable.__init__ = rude


def browsing_needs_wallets() -> None:
    """Close the whole shop."""
    right = Guard.__call__

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        browses = scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", "/api/listings")
        if browses and not await scope["app"].state.context.wallets.all_answer():
            await WalletsUnavailable(retry_after_seconds=5).response()(scope, receive, send)
        else:
            await right(self, scope, receive, send)

    Guard.__call__ = call


def orders_are_taken_without_wallets() -> None:
    """Acknowledge what nobody can pay for."""

    async def all_answer(_self: Any) -> bool:
        return True

    Wallets.all_answer = all_answer


# ── what becomes of the money (LOAD-ESC-001) ────────────────────────────────────────────────────────────────────────────


def payouts_are_never_made() -> None:
    """Keep the money."""

    async def make(_self: Any) -> None:
        return

    Worker._make_payouts = make


def shipping_fails() -> None:
    """Answer vendors with 500, all others as ever."""
    right = Guard.__call__

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/ship"):
            raise RuntimeError("no parcel")
        await right(self, scope, receive, send)

    Guard.__call__ = call


def payouts_are_skimmed() -> None:
    """Keep 40 % of what the first is due, in the same transaction, and book it as paid to that one."""
    _skim(lambda attempt, _kept: attempt)


def what_is_skimmed_is_called_a_fee() -> None:
    """Keep as much, and book it as the chain's fee."""

    def booked(attempt: Any, kept: int) -> Any:
        honest = tuple(one for one in attempt.payments if one.amount != kept)
        return replace(attempt, fee=attempt.fee + kept, payments=honest)

    _skim(booked)


# ── what becomes of orders when something breaks (EXP-ORD-001) ──────────────────────────────────────────────────────────


def keys_are_forgotten_at_a_restart() -> None:
    """Know the Idempotency-Keys of this process only: what is asked for again after a crash is ordered again."""
    right, known = orders.place, set[tuple[str, str]]()

    def place(connection: Any, request: Any, **named: Any) -> Any:
        asked = (request.buyer_id, request.key)
        stored = "SELECT 1 FROM orders WHERE buyer_id = ? AND idempotency_key = ?"
        if asked not in known and connection.execute(stored, asked).fetchone():
            return right(connection, replace(request, key=secrets.token_hex(16)), **named)
        known.add(asked)
        return right(connection, request, **named)

    orders.place = place


def a_crash_takes_the_last_orders_along() -> None:
    """Come up without the orders of the last seconds, as from a disk that was told to write and never asked whether it has."""
    right = database.migrate

    def migrate(writer: Any, path: Any) -> Any:
        version = right(writer, path)
        late = "SELECT id FROM orders WHERE created_at > ? AND id NOT IN (SELECT order_id FROM escrows)"
        for table, column in (("order_events", "order_id"), ("orders", "id")):
            writer.execute(f"DELETE FROM {table} WHERE {column} IN ({late})", (time.time() - 20,))
        return version

    database.migrate = migrate


def a_parcel_is_shipped_as_often_as_its_vendor_says_so() -> None:
    """Acknowledge it each time."""
    right = settlement.ship

    def ship(connection: Any, order_id: str, *rest: Any) -> Any:
        try:
            return right(connection, order_id, *rest)
        except WrongState:
            if connection.execute("SELECT state FROM orders WHERE id = ?", (order_id,)).fetchone() != ("shipped",):
                raise
            return Moved(order_id, "funded", "shipped", journal.record(connection, "shipped", order_id))

    settlement.ship = ship


# ── what the defects are made of ────────────────────────────────────────────────────────────────────────────────────────


def _skim(booked: Callable[[Any, int], Any]) -> None:
    right = Triple.sign

    async def sign(self: Any, plan: Any, *rest: Any) -> Any:
        # The wallets' own primary address: the operator's pocket, as no order's subaddress is.
        pocket = (await self._wallets["arbiter"].call("get_address", account_index=0))["address"]
        first, *others = plan.payments
        kept = first.amount * 4 // 10
        stolen = replace(first, address=pocket, amount=kept)
        payments = (replace(first, amount=first.amount - kept), *others, stolen)
        return booked(await right(self, replace(plan, payments=payments), *rest), kept)

    Triple.sign = sign


def _counting(change: Callable[[Any], None]) -> None:
    right = Metrics.__init__

    def init(self: Any, colour: str) -> None:
        right(self, colour)
        change(self)

    Metrics.__init__ = init


def _doubled(counter: Any) -> None:
    _changed(counter, "inc", lambda right: lambda amount=1: right(2 * amount))


def _changed(instrument: Any, method: str, made_of: Callable[[Any], Any]) -> None:
    setattr(instrument, method, made_of(getattr(instrument, method)))


if __name__ == "__main__":
    globals()[os.environ["SABOTAGE"]]()
    sys.exit(program.main())
