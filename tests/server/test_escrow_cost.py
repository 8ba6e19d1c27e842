"""What a round of the escrow worker costs with thousands of finished orders behind it: no more than with a few.

Counted in steps of SQLite's virtual machine and not in seconds, so that the answer is the same on any machine.
"""

from collections.abc import Callable
from typing import Any

import pytest
from marketplace_server import orders, settlement
from marketplace_server.connection import Connection
from marketplace_server.escrow import adoption, payouts, records
from marketplace_server.escrow.payouts import Attempt
from marketplace_server.escrow.records import Deposit
from marketplace_server.escrow.rules import Payment
from marketplace_server.transitions import move

from stack.money import in_the_books
from tests.server.escrow_market import PRICE, Market
from tests.server.fake_chain import FEE

FINISHED = 2000
_BLOCKS_BACK = 100

ROUND: dict[str, Callable[[Connection, int], object]] = {
    "any_open": lambda c, _: records.any_open(c),
    "without_address": lambda c, _: records.without_address(c, 20),
    "highest_minor": lambda c, _: records.highest_minor(c),
    "looked_at": lambda c, _: records.looked_at(c),
    "held_since": lambda c, height: records.held_since(c, height - _BLOCKS_BACK),
    "confirmed_since": lambda c, height: payouts.confirmed_since(c, height - _BLOCKS_BACK),
    "left_behind": lambda c, _: payouts.left_behind(c),
    "open_payouts": lambda c, _: payouts.open_payouts(c, 0, 20),
    "unknown_among": lambda c, _: adoption.unknown_among(c, []),
}
"""All that a round reads."""


def _finish(connection: Connection, market: Market, number: int) -> None:
    """Take an order from its beginning to its end, in blocks of its own."""
    asked = orders.Request(
        buyer_id=market.buyer, listing_id=market.listing, key=f"finished {number}", note="", refund_address="home"
    )
    order_id = str(orders.place(connection, asked, wallets_answer=True).order["id"])
    minor, height = records.highest_minor(connection) + 1, 12 * number
    records.assign(connection, order_id, minor, f"subaddress {minor}")
    records.credit(connection, order_id, Deposit(minor, f"{number:064x}", PRICE, height))
    move(connection, order_id, "funded", expected=frozenset({"created"}))
    settlement.ship(connection, order_id, market.vendor, "payee")
    settlement.release(connection, order_id, market.buyer)
    (payout,) = payouts.open_payouts(connection, 0, 20)
    payments = (Payment("vendor", "payee", PRICE - FEE),)
    attempt = Attempt(f"{10**9 + number:064x}", "signed", FEE, payments, (f"{number:064x}",))
    payouts.keep(connection, order_id, 0, attempt)
    payouts.confirm(connection, payout.decision, attempt, height + 11)
    move(connection, order_id, "released", expected=frozenset({"shipped"}))


def _steps(market: Market, name: str, height: int) -> int:
    """How many tens of steps of SQLite's virtual machine a read takes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def read(connection: Any) -> None:
        connection.set_progress_handler(count, 10)
        try:
            ROUND[name](connection, height)
        finally:
            connection.set_progress_handler(None, 0)

    market.run(market.database.read(read))
    return counted


@pytest.fixture
def grown(market: Market) -> tuple[dict[str, int], dict[str, int], Market]:
    """What each read costs after twenty finished orders, and after a hundred times as many."""
    for number in range(1, 21):
        market.do(lambda c, number=number: _finish(c, market, number))
    few = {name: _steps(market, name, 12 * 20) for name in ROUND}

    def finish_many(connection: Connection) -> None:
        for number in range(21, FINISHED + 1):
            _finish(connection, market, number)

    market.do(finish_many)
    return few, {name: _steps(market, name, 12 * FINISHED) for name in ROUND}, market


def test_a_round_costs_the_same_however_many_orders_are_finished(
    grown: tuple[dict[str, int], dict[str, int], Market],
) -> None:
    few, many, market = grown

    assert len(market.books().orders) == FINISHED
    assert in_the_books(market.books()) == []
    assert {name: (few[name], many[name]) for name in ROUND if many[name] > 2 * few[name] + 5} == {}
