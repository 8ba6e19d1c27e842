"""What nobody foresaw, an odd answer or a deposit beyond the ledger, costs the one it happened to and nobody else."""

import pytest
from marketplace_server.escrow.records import Deposit
from marketplace_server.payloads import MAX_PICONERO

from stack.money import in_the_books
from tests.server.escrow_market import PRICE, Market


def _failures(market: Market, step: str) -> float:
    return market.metrics.registry.get_sample_value("escrow_step_failures_total", {"step": step}) or 0.0


def _set_aside(market: Market) -> float | None:
    return market.metrics.registry.get_sample_value("escrow_deposits_set_aside_total")


@pytest.mark.parametrize(
    "surprise", [KeyError("addresses"), IndexError(0), TypeError("None"), ValueError("x")], ids=repr
)
@pytest.mark.parametrize("step", ["addresses", "deposits"])
def test_an_odd_answer_fails_its_own_step_and_payouts_go_on(market: Market, step: str, surprise: Exception) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    market.release(order_id)
    market.order()

    async def odd(*_: object) -> list[Deposit]:
        raise surprise

    market.chain.height += 1
    setattr(market.triple, step, odd)
    market.run(worker.round())
    market.chain.mine()

    assert (_failures(market, step), _failures(market, "round")) == (1.0, 0.0)
    assert [txid for one in market.of(order_id)["payouts"] for txid in one["attempts"]] == list(market.chain.mined)
    assert market.chain.mined


def test_a_payout_that_meets_an_odd_answer_keeps_no_other_from_being_made(market: Market) -> None:
    worker = market.worker()
    orders = [market.funded(worker) for _ in range(2)]
    for order_id in orders:
        market.ship(order_id)
        market.release(order_id)
    sign, odd_once = market.triple.sign, [KeyError("multisig_txset")]

    async def odd_at_first(*args: object) -> object:
        if odd_once:
            raise odd_once.pop()
        return await sign(*args)  # type: ignore[arg-type]

    market.triple.sign = odd_at_first  # type: ignore[method-assign,assignment]
    market.run(worker.round())

    assert (_failures(market, "sign"), len(market.chain.pool)) == (1.0, 1)


@pytest.mark.parametrize("amount", [MAX_PICONERO + 1, 2**63, 2**64 - 1])
def test_a_deposit_that_the_ledger_cannot_hold_is_set_aside_and_others_are_credited(
    market: Market, amount: int
) -> None:
    worker = market.worker()
    beyond, order_id = market.order(), market.order()
    market.run(worker.round())
    market.chain.pay(market.of(beyond)["minor"], amount)
    market.chain.pay(market.of(order_id)["minor"], PRICE)
    for _ in range(3):
        market.run(worker.round())
        market.chain.mine()

    assert (market.of(order_id)["state"], market.of(beyond)["received"]) == ("funded", 0)
    assert (_set_aside(market), _failures(market, "deposits")) == (1.0, 0.0)
    assert in_the_books(market.books()) == []


def test_deposits_that_the_ledger_cannot_pay_out_together_are_not_held_together(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker, MAX_PICONERO, 1)

    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("funded", MAX_PICONERO)
    assert _set_aside(market) == 1.0
    market.settle(worker, order_id)
    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("released", 0)
