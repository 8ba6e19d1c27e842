"""The escrow worker: every deposit credited once, every order paid out once, wherever it is killed and whoever goes on."""

import pytest

from stack.money import in_the_books
from tests.server.escrow_market import PRICE, Market
from tests.server.fake_chain import FEE, Fuse, Killed


def test_a_paid_order_is_funded_shipped_released_and_paid_out_by_one_transaction(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)

    market.settle(worker, order_id)

    order = market.of(order_id)
    assert (order["state"], order["held"], len(order["payouts"])) == ("released", 0, 1)
    assert order["payouts"][0]["txid"] in market.chain.mined
    ((plan, signers),) = market.triple.plans
    assert ([(p.address, p.amount) for p in plan.payments], signers) == ([("payee", PRICE)], ("buyer", "vendor"))


def test_nothing_is_released_before_the_payout_is_mined(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    market.release(order_id)

    for _ in range(3):
        market.run(worker.round())

    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("shipped", PRICE)
    assert len(market.triple.plans) == 1


@pytest.mark.parametrize(
    ("amounts", "state", "received"),
    [
        ((PRICE - 1,), "created", PRICE - 1),
        ((PRICE // 2, PRICE // 2), "funded", PRICE),
        ((PRICE - 1, 1), "created", PRICE),
        ((2 * PRICE,), "funded", 2 * PRICE),
    ],
)
def test_deposits_fund_an_order_when_they_reach_its_price(
    market: Market, amounts: tuple[int, ...], state: str, received: int
) -> None:
    order_id = market.funded(market.worker(), *amounts)

    assert (market.of(order_id)["state"], market.of(order_id)["received"]) == (state, received)


def test_what_was_paid_twice_goes_back_with_the_payout(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker, PRICE, PRICE)

    market.settle(worker, order_id)

    ((plan, _),) = market.triple.plans
    assert [(p.address, p.amount) for p in plan.payments] == [("payee", PRICE), ("home", PRICE)]
    assert (market.of(order_id)["held"], in_the_books(market.books())) == (0, [])


def test_what_was_paid_after_the_payout_goes_back_by_itself_if_it_is_worth_its_fee(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    minor = market.of(order_id)["minor"]

    market.chain.pay(minor, FEE)
    market.run(worker.round())
    assert len(market.of(order_id)["payouts"]) == 1
    market.chain.pay(minor, PRICE)
    for _ in range(3):
        market.run(worker.round())
        market.chain.mine()
    market.run(worker.round())

    order = market.of(order_id)
    assert (order["state"], order["held"], [p["kind"] for p in order["payouts"]]) == (
        "released",
        FEE,
        ["release", "refund"],
    )


def test_a_silent_wallet_costs_nothing_but_time(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    market.release(order_id)
    for method in ("exchange", "sign", "submit"):
        market.triple.refuses = {method}
        market.run(worker.round())

    market.triple.refuses = set()
    market.run(worker.round())
    market.chain.mine()
    market.run(worker.round())

    order = market.of(order_id)
    assert (order["state"], len(order["payouts"][0]["attempts"])) == ("released", 1)


def test_a_transaction_that_is_refused_for_good_is_replaced_and_only_one_happens(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    market.release(order_id)
    market.triple.refuses = {"submit"}
    for _ in range(5):
        market.run(worker.round())

    market.triple.refuses = set()
    for _ in range(3):
        market.run(worker.round())
        market.chain.mine()
    market.run(worker.round())

    order = market.of(order_id)
    assert order["state"] == "released"
    assert len(order["payouts"][0]["attempts"]) >= 2
    assert len([txid for txid in order["payouts"][0]["attempts"] if txid in market.chain.mined]) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_the_money_arrives_once(market: Market, after: bool) -> None:
    for at in range(200):
        fuse = Fuse(at, after)
        order_id = market.order()
        victim = market.worker(fuse)
        try:
            market.run(victim.round())
            market.chain.pay(market.of(order_id)["minor"], PRICE)
            market.run(victim.round())
            market.settle(victim, order_id)
        except Killed:
            pass
        heir = market.worker()
        market.run(heir.round())
        if market.of(order_id)["state"] == "created":
            if not market.of(order_id)["received"] and not _paid(market, order_id):
                market.chain.pay(market.of(order_id)["minor"], PRICE)
            market.run(heir.round())
        if market.of(order_id)["state"] == "funded":
            market.ship(order_id)
        if not market.of(order_id)["payouts"]:
            market.release(order_id)
        for _ in range(3):
            market.run(heir.round())
            market.chain.mine()
        market.run(heir.round())

        order = market.of(order_id)
        payout = order["payouts"][0]
        happened = [txid for txid in payout["attempts"] if txid in market.chain.mined]
        where = f"killed {'after' if after else 'before'} call {at}"
        assert (order["state"], order["held"], happened) == ("released", 0, [payout["txid"]]), where
        assert order["received"] == PRICE, where
        if not fuse.blown:
            break
    assert at > 10  # a whole escrow is that many calls at least


def _paid(market: Market, order_id: str) -> bool:
    return any(deposit.minor == market.of(order_id)["minor"] for deposit in market.chain.deposits)
