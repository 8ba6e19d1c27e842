"""Deposits that are not worth spending, or are many: they never keep an order from its end, and never count for more."""

from collections.abc import Sequence

import pytest
from marketplace_server import settlement
from marketplace_server.errors import WrongState
from marketplace_server.escrow import records

from stack.money import in_the_books
from tests.server.escrow_market import PRICE, Market
from tests.server.fake_chain import FakeTriple


def _finish(market: Market, worker: object, rounds: int = 4) -> None:
    for _ in range(rounds):
        market.run(worker.round())  # type: ignore[attr-defined]
        market.chain.mine()
    market.run(worker.round())  # type: ignore[attr-defined]


def _triple(market: Market) -> FakeTriple:
    return market.triple


@pytest.mark.parametrize("crumbs", [[1] * 50, [800_000_000] * 5, [3_000_000_000] * 60], ids=["1", "8e8", "3e9"])
def test_crumbs_that_come_after_shipping_keep_no_vendor_from_the_price(market: Market, crumbs: Sequence[int]) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    for crumb in crumbs:
        market.chain.pay(market.of(order_id)["minor"], crumb)
    market.run(worker.round())
    market.release(order_id)

    _finish(market, worker)

    order = market.of(order_id)
    assert (order["state"], order["received"], order["held"]) == ("released", PRICE + sum(crumbs), sum(crumbs))
    assert len(order["payouts"]) == 1
    assert in_the_books(market.books()) == []


def test_a_deposit_of_many_outputs_that_would_eat_up_the_price_is_returned_and_the_first_one_paid(
    market: Market,
) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    minor = market.of(order_id)["minor"]
    for _ in range(3):
        market.chain.pay(minor, 16 * 4 * 10**9, outputs=16)
    market.run(worker.round())
    market.ship(order_id)
    market.release(order_id)

    _finish(market, worker, rounds=6)

    order = market.of(order_id)
    release, back = (plan for plan, _ in _triple(market).plans)
    assert (order["state"], order["held"], len(order["payouts"])) == ("released", 0, 2)
    assert (release.inputs, back.inputs) == (17, 32)
    assert release.after(release.fee_limit)[0].amount >= PRICE // 2


def test_the_price_in_more_outputs_than_it_can_bear_does_not_fund_the_order_and_is_returned(market: Market) -> None:
    worker = market.worker()
    order_id = market.order()
    market.run(worker.round())
    for _ in range(2):
        market.chain.pay(market.of(order_id)["minor"], 16 * 3_100_000_000, outputs=16)
    market.run(worker.round())
    before = market.of(order_id)["state"]
    market.do(lambda c: settlement.dispute(c, order_id, market.buyer))
    market.do(lambda c: settlement.refund(c, order_id, market.vendor))

    _finish(market, worker)

    assert before == "created"
    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("refunded", 0)


def test_crumbs_alone_are_nothing_to_argue_about(market: Market) -> None:
    order_id = market.funded(market.worker(), 10**9, 2 * 10**9)

    with pytest.raises(WrongState, match="worth the fee"):
        market.do(lambda c: settlement.dispute(c, order_id, market.buyer))

    said = market.run(market.database.read(lambda c: records.told(c, order_id)))
    assert said is not None
    assert (said["received_piconero"], said["too_small_piconero"]) == (3 * 10**9, 3 * 10**9)
    assert market.of(order_id)["state"] == "created"


def test_the_smallest_deposit_that_counts_ends_a_dispute(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker, 3 * 10**9 + 1)
    market.do(lambda c: settlement.dispute(c, order_id, market.buyer))
    market.do(lambda c: settlement.refund(c, order_id, market.vendor))

    _finish(market, worker)

    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("refunded", 0)
