"""What the chain takes back, and what a restored database forgot: nothing is paid twice, and nothing stays locked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from marketplace_server import settlement
from marketplace_server.escrow import adoption, records
from marketplace_server.escrow.adoption import Outgoing, Unexplained
from marketplace_server.escrow.payouts import Attempt
from marketplace_server.escrow.triple import Found

from stack.money import in_the_books
from tests.server.escrow_market import PRICE, Market
from tests.server.fake_chain import FEE


def _settled_on_chain(market: Market, order_id: str) -> list[str]:
    return [
        txid for payout in market.of(order_id)["payouts"] for txid in payout["attempts"] if txid in market.chain.mined
    ]


@pytest.mark.parametrize("to_pool", [True, False], ids=["back to the pool", "out of the pool too"])
def test_a_payout_that_is_reorganised_away_is_submitted_again_and_happens_once(market: Market, to_pool: bool) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    (txid,) = _settled_on_chain(market, order_id)

    market.chain.reorganise(to_pool=to_pool)
    market.run(worker.round())
    between = market.of(order_id)
    market.run(worker.round())
    market.chain.mine()
    market.run(worker.round())

    after = market.of(order_id)
    assert (between["held"], between["payouts"][0]["txid"]) == (PRICE, None)
    assert (after["state"], after["held"], after["payouts"][0]["txid"]) == ("released", 0, txid)
    assert _settled_on_chain(market, order_id) == [txid]
    assert in_the_books(market.books()) == []


def test_a_reorganisation_is_noticed_by_a_worker_that_was_not_there(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    market.chain.reorganise(to_pool=False)

    heir = market.worker()
    for _ in range(3):
        market.run(heir.round())
        market.chain.mine()
    market.run(heir.round())

    assert (market.of(order_id)["held"], len(_settled_on_chain(market, order_id))) == (0, 1)


def test_a_deposit_that_is_gone_is_not_held_and_nothing_is_shipped_for_it(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    gone = market.chain.deposits.pop()
    market.chain.reorganise(to_pool=True)
    market.run(worker.round())

    without = market.of(order_id)
    with pytest.raises(settlement.WrongState, match="took its deposit back"):
        market.ship(order_id)
    market.chain.deposits.append(gone)
    market.chain.mine()
    market.run(worker.round())
    market.settle(worker, order_id)

    assert (without["state"], without["held"], without["received"]) == ("funded", 0, 0)
    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("released", 0)
    assert in_the_books(market.books()) == []


def test_a_deposit_that_vanishes_only_after_it_went_back_to_the_pool_is_noticed_too(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    gone = market.chain.deposits.pop()
    market.chain.reorganise(to_pool=True)
    market.chain.pool[gone.txid] = Attempt(gone.txid, "", 1, (), ())
    market.run(worker.round())
    in_the_pool = market.of(order_id)["received"]

    market.chain.pool.clear()
    market.run(worker.round())

    assert (in_the_pool, market.of(order_id)["received"]) == (PRICE, 0)


def _height(market: Market, table: str) -> int:
    return int(market.do(lambda c: c.execute(f"SELECT height FROM {table}").fetchone()[0]))


def test_a_deposit_that_comes_again_in_a_later_block_is_watched_from_there(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    gone = market.chain.deposits.pop()
    later = replace(gone, height=gone.height + 150)
    market.chain.reorganise(to_pool=True)
    market.chain.pool[gone.txid] = Attempt(gone.txid, "", 1, (), ())
    market.run(worker.round())
    market.chain.height += 160
    market.chain.pool.clear()
    market.chain.deposits.append(later)
    market.run(worker.round())
    again = (market.of(order_id)["received"], _height(market, "escrow_deposits"))

    market.chain.deposits.clear()
    market.chain.reorganise(to_pool=True)
    market.run(worker.round())

    assert again == (PRICE, later.height)
    assert market.of(order_id)["received"] == 0


def test_a_deposit_that_vanishes_after_more_than_a_hundred_blocks_in_the_pool_is_noticed(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    gone = market.chain.deposits.pop()
    market.chain.reorganise(to_pool=True)
    market.chain.pool[gone.txid] = Attempt(gone.txid, "", 1, (), ())
    for _ in range(3):
        market.run(worker.round())
        market.chain.height += 90
    in_the_pool = market.of(order_id)["received"]

    market.chain.pool.clear()
    for _ in range(2):
        market.run(worker.round())

    assert (in_the_pool, market.of(order_id)["received"]) == (PRICE, 0)


def test_a_payout_that_comes_again_in_a_later_block_is_watched_from_there(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    (txid,) = _settled_on_chain(market, order_id)
    (attempt, height) = market.chain.mined[txid]

    market.chain.forks += 1
    market.chain.height += 60
    market.chain.mined[txid] = (attempt, height + 50)
    market.run(worker.round())
    again = _height(market, "payouts")
    market.chain.height += 80
    market.run(worker.round())
    market.chain.reorganise(to_pool=False)
    market.run(worker.round())

    assert again == height + 50
    assert (market.of(order_id)["held"], market.of(order_id)["payouts"][0]["txid"]) == (PRICE, None)


def test_a_wallet_that_still_tells_of_a_deposit_the_chain_took_back_is_not_believed(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    gone = market.chain.deposits.pop()
    market.chain.reorganise(to_pool=True)

    async def deposits(_: int) -> list[records.Deposit]:
        return [gone]

    market.triple.deposits = deposits  # type: ignore[method-assign]
    market.run(worker.round())

    assert market.of(order_id)["received"] == 0


def test_a_payout_is_made_anew_when_its_deposit_came_back_as_another(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    (before,) = _settled_on_chain(market, order_id)

    market.chain.deposits.clear()
    market.chain.reorganise(to_pool=False)
    market.run(worker.round())
    market.chain.pay(market.of(order_id)["minor"], PRICE)
    for _ in range(8):
        market.run(worker.round())
        market.chain.mine()

    after = market.of(order_id)
    assert (after["state"], after["received"], after["held"]) == ("released", PRICE, 0)
    assert len(_settled_on_chain(market, order_id)) == 1
    assert before not in market.chain.mined
    assert in_the_books(market.books()) == []


_FORGET: dict[str, str] = {
    "the attempt": "DELETE FROM payout_attempts",
    "the decision": "DELETE FROM payout_attempts; DELETE FROM payouts",
}


def _restored_older(market: Market, order_id: str, forgotten: str, state: str) -> None:
    """Make the database what it was before the payout; its triggers would not let it go back, so they are away meanwhile."""

    def forget(connection: Any) -> None:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE payouts SET txid = NULL, height = NULL")
        for statement in _FORGET[forgotten].split(";"):
            connection.execute(statement)
        connection.execute("UPDATE escrow_deposits SET payout = NULL")
        settled = "SELECT id FROM ledger_transactions WHERE kind <> 'deposit'"
        connection.execute(f"DELETE FROM ledger_entries WHERE transaction_id IN ({settled})")
        connection.execute("DELETE FROM ledger_transactions WHERE kind <> 'deposit'")
        connection.execute("UPDATE orders SET state = ? WHERE id = ?", (state, order_id))
        later = {"funded": ("shipped", "disputed", "released", "refunded"), "shipped": ("released", "refunded")}
        for one in later.get(state, ("released", "refunded")):
            connection.execute("DELETE FROM order_events WHERE order_id = ? AND to_state = ?", (order_id, one))
        if state == "funded":
            connection.execute("UPDATE escrows SET payout_address = NULL")
        connection.execute("UPDATE escrow_progress SET height = 0")
        for _, sql in triggers:
            connection.execute(sql)

    market.do(forget)


@pytest.mark.parametrize(
    ("forgotten", "state"), [("the attempt", "shipped"), ("the decision", "shipped"), ("the decision", "funded")]
)
def test_a_database_that_forgot_a_payout_takes_it_from_the_chain(market: Market, forgotten: str, state: str) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    (txid,) = _settled_on_chain(market, order_id)
    _restored_older(market, order_id, forgotten, state)

    heir = market.worker()
    market.run(heir.round())
    market.run(heir.round())

    order = market.of(order_id)
    assert (order["state"], order["held"], order["payouts"][0]["txid"]) == ("released", 0, txid)
    assert order["payout_address"] == "payee"
    assert market.triple.plans == []
    assert in_the_books(market.books()) == []


def test_what_the_chain_did_counts_and_not_what_was_decided_after_the_restore(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.settle(worker, order_id)
    _restored_older(market, order_id, "the decision", "shipped")
    market.do(lambda c: settlement.dispute(c, order_id, market.buyer))
    market.do(lambda c: settlement.refund(c, order_id, market.vendor))

    heir = market.worker()
    market.run(heir.round())
    market.run(heir.round())

    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("released", 0)


@pytest.mark.parametrize(
    ("destinations", "reason"),
    [
        ((), "no wallet knows for whom"),
        ((("stranger", PRICE - FEE),), "to nobody of its order"),
        ((("payee", PRICE),), "did not spend what was deposited"),
    ],
)
def test_a_payout_that_nobody_can_explain_is_not_guessed_at(
    market: Market, destinations: tuple[tuple[str, int], ...], reason: str
) -> None:
    order_id = market.funded(market.worker())
    market.ship(order_id)
    found = Outgoing(market.of(order_id)["minor"], "f" * 64, market.chain.height + 20, FEE, destinations)

    def take(connection: Any) -> None:
        with pytest.raises(Unexplained, match=reason):
            adoption.adopt(connection, found)

    market.do(take)

    assert (market.of(order_id)["held"], market.of(order_id)["payouts"]) == (PRICE, [])


def test_payouts_that_cannot_be_made_keep_none_that_can_from_it(market: Market) -> None:
    worker = market.worker()
    stuck = [market.funded(worker) for _ in range(21)]
    order_id = market.funded(worker)
    for one in (*stuck, order_id):
        market.ship(one)
        market.release(one)
    market.chain.deposits = [one for one in market.chain.deposits if one.minor == market.of(order_id)["minor"]]
    market.chain.reorganise(to_pool=True)

    for _ in range(4):
        market.run(worker.round())
        market.chain.mine()
    market.run(worker.round())

    assert market.of(order_id)["state"] == "released"
    assert {market.of(one)["state"] for one in stuck} == {"shipped"}


def test_a_chain_that_is_compared_again_is_asked_for_the_latest_blocks_only(market: Market) -> None:
    worker = market.worker()
    market.settle(worker, market.funded(worker))
    market.chain.height += 500
    market.run(worker.round())

    asked: list[int] = []
    seen = market.triple.deposits

    async def deposits(above: int) -> list[records.Deposit]:
        asked.append(above)
        return await seen(above)

    heir = market.worker()
    market.triple.deposits = deposits  # type: ignore[method-assign]
    market.run(heir.round())

    assert asked == [market.chain.height - 100]


def test_a_block_that_came_and_went_between_two_looks_confirms_nothing(market: Market) -> None:
    worker = market.worker()
    order_id = market.funded(worker)
    market.ship(order_id)
    market.release(order_id)
    market.run(worker.round())
    whereabouts = market.triple.whereabouts

    async def mined_meanwhile(txids: Sequence[str]) -> dict[str, Found]:
        market.chain.mine()
        found = await whereabouts(txids)
        market.chain.height -= 1
        market.chain.pool |= {txid: attempt for txid, (attempt, _) in market.chain.mined.items()}
        market.chain.mined.clear()
        return found

    market.triple.whereabouts = mined_meanwhile  # type: ignore[method-assign]
    market.run(worker.round())

    assert (market.of(order_id)["state"], market.of(order_id)["held"]) == ("shipped", PRICE)
