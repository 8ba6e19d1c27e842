"""One worker acts at a time: who lost the lease asks no wallet for anything more, and who is only slow keeps it."""

import asyncio
from typing import Any

import pytest
from marketplace_server.connection import Connection
from marketplace_server.escrow import lease
from marketplace_server.escrow.worker import Worker

from tests.server.escrow_market import PRICE, Market

CHANGES_WALLETS = {"addresses", "exchange", "sign", "submit", "keep"}


def _taken_over(connection: Connection) -> int | None:
    connection.execute("UPDATE leases SET expires_at = 0")
    return lease.take(connection, "the other colour")


async def _takes_over(market: Market) -> None:
    while await market.database.write(lambda c: lease.take(c, "the other colour")) is None:
        await asyncio.sleep(0.01)


def _with_everything_to_do(market: Market) -> Worker:
    """Two payouts to make, an order without an address, and a deposit to credit."""
    worker = market.worker()
    paid = [market.funded(worker), market.funded(worker)]
    waiting = market.order()
    market.run(worker.round())
    market.order()
    market.chain.pay(market.of(waiting)["minor"], PRICE)
    for one in paid:
        market.ship(one)
        market.release(one)
    market.triple.calls.clear()
    return worker


@pytest.mark.parametrize(
    "during", ["addresses", "tip", "follow", "deposits", "outgoing", "whereabouts", "exchange", "sign", "submit"]
)
def test_a_worker_that_lost_the_lease_asks_no_wallet_to_do_anything(market: Market, during: str) -> None:
    worker = _with_everything_to_do(market)
    triple, asked = market.triple, getattr(market.triple, during)

    async def losing_it(*args: Any) -> Any:
        answer = await asked(*args)
        await market.database.write(_taken_over)
        return answer

    setattr(triple, during, losing_it)
    books = market.books()
    market.run(worker.round())
    calls = list(triple.calls)
    again = market.run(worker.round())

    assert CHANGES_WALLETS.isdisjoint(calls[calls.index(during) + 1 :])
    assert (again, triple.calls) == (None, calls)  # and it waits until the lease is free
    if during in {"addresses", "exchange", "sign"}:
        assert [one["attempts"] for o in market.books().orders for one in o["payouts"]] == [
            one["attempts"] for o in books.orders for one in o["payouts"]
        ]


def test_a_worker_whose_lease_was_taken_is_stopped_in_the_middle_of_a_call(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _with_everything_to_do(market)
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.02)
    ended = []

    async def slow(*_: Any) -> None:
        await market.database.write(_taken_over)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("in the call")

    market.triple.exchange = slow  # type: ignore[method-assign]
    market.run(asyncio.wait_for(worker.round(), 30))

    assert ended == ["in the call"]
    assert not {"sign", "submit"} & set(market.triple.calls)


def test_a_slow_call_does_not_cost_the_lease(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = _with_everything_to_do(market)
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.02)
    outlasted: list[float] = []

    def expiry(connection: Connection) -> float:
        return float(connection.execute("SELECT expires_at FROM leases").fetchone()[0])

    async def slow(*_: Any) -> None:
        until = await market.database.read(expiry)
        while await market.database.read(expiry) <= until:
            await asyncio.sleep(0.01)
        outlasted.append(until)

    market.triple.follow = slow  # type: ignore[method-assign]
    market.run(asyncio.wait_for(worker.round(), 30))

    assert outlasted
    assert "submit" in market.triple.calls


def test_a_hung_worker_loses_the_lease(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_everything_to_do(market)
    worker = market.worker()
    monkeypatch.setattr(lease, "SECONDS", 1.0)
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.1)

    async def hangs(*_: Any) -> None:
        await asyncio.Event().wait()

    market.triple.exchange = hangs  # type: ignore[method-assign]
    market.run(asyncio.wait_for(worker.round(), 30))

    assert not {"sign", "submit"} & set(market.triple.calls)
    market.run(asyncio.wait_for(_takes_over(market), 30))


def test_a_worker_that_held_the_lease_twice_with_another_between_starts_anew(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _with_everything_to_do(market)
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.02)
    exchange = market.triple.exchange
    ended: list[str] = []

    async def slow(*args: Any) -> None:
        def came_and_went(connection: Connection) -> None:
            _taken_over(connection)
            connection.execute("UPDATE leases SET expires_at = 0")

        await market.database.write(came_and_went)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("in the call")

    market.triple.exchange = slow  # type: ignore[method-assign]
    market.run(asyncio.wait_for(worker.round(), 30))
    between = set(market.triple.calls)
    market.triple.exchange = exchange  # type: ignore[method-assign]
    market.run(worker.round())

    assert (ended, "sign" in between) == (["in the call"], False)
    assert "submit" in market.triple.calls


@pytest.mark.parametrize(
    ("ends_in", "is_free"), [(-0.1, True), (0.1, False), (3.0, False), (4.0, True), (3600.0, True)]
)
def test_a_lease_is_waited_for_as_long_as_leases_last_and_no_longer(
    market: Market, monkeypatch: pytest.MonkeyPatch, ends_in: float, is_free: bool
) -> None:
    monkeypatch.setattr(lease, "SECONDS", 3.0)
    now = 1_800_000_000.0  # a clock that was an hour ahead left the last of these (EXP-SRV-025)

    def leave_behind(connection: Connection) -> int | None:
        first = lease.take(connection, "who crashed", now=now)
        connection.execute("UPDATE leases SET expires_at = ?", (now + ends_in,))
        second = lease.take(connection, "who comes after", now=now)
        return None if second is None else second - (first or 0)

    taken = market.run(market.database.write(leave_behind))

    assert taken == (1 if is_free else None)
