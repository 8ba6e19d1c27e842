"""Against a real chain that takes blocks back, and a database restored older than its payouts: paid once, never locked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from stack.clients.market import Refused
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.money import books_of
from stack.ops.restore_database import BESIDE
from stack.purse import Purse, open_purse
from stack.settle import settling_on
from stack.settling import PRICE_PICONERO, Ending, Settling, Voyage
from stack.waiting import eventually
from tests.integration.escrow_stack import escrow_stack, wrong

SERVER = "server-blue"
WITHIN = timedelta(seconds=120)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with escrow_stack(f"st-chain-{os.getpid()}", 27000) as brought_up:
        yield brought_up


@pytest.fixture(scope="module")
def purse(stack: Stack) -> Iterator[Purse]:
    with open_purse(stack, spendings=20) as opened:
        yield opened


@pytest.fixture(scope="module")
def settling(stack: Stack, purse: Purse) -> Settling:
    return settling_on(stack, purse)


def _seen(settling: Settling, voyage: Voyage, is_so: Callable[[Voyage], bool], what: str) -> None:
    """Wait until the marketplace says something of an order; the message of a wait in vain says what it says instead."""

    def looked() -> bool:
        try:
            return is_so(settling.look(voyage))
        except Refused as refused:
            raise CannotTell(str(refused)) from refused

    try:
        eventually(looked, within=WITHIN, every=timedelta(milliseconds=300), what=what)
    except AssertionError as error:
        message = f"{error}; {voyage}"
        raise AssertionError(message) from error


def _settle(settling: Settling, voyage: Voyage) -> None:
    settling.settle([voyage], within=WITHIN)


@pytest.mark.parametrize("forget", [False, True], ids=["back to the pool", "out of the pool too"])
def test_a_payout_that_is_reorganised_away_is_paid_again_and_only_once(
    stack: Stack, purse: Purse, settling: Settling, forget: bool
) -> None:
    voyage = settling.begin("release")
    _settle(settling, voyage)
    (before,) = voyage.payouts

    purse.reorganise(before, forget=forget)
    _seen(settling, voyage, lambda one: one.held == PRICE_PICONERO and not one.payouts, "the payout is open again")
    _settle(settling, voyage)

    assert (voyage.state, voyage.payouts) == ("released", (before,))
    assert wrong(stack, purse, [voyage]) == []


def test_a_deposit_that_is_reorganised_away_is_nobody_s_until_it_is_paid_again(
    stack: Stack, purse: Purse, settling: Settling
) -> None:
    voyage = settling.begin("release")
    settling.settle([voyage], within=WITHIN, until=lambda one: one.state == "funded")

    purse.reorganise(voyage.deposited[0], forget=True)
    _seen(settling, voyage, lambda one: not one.received, "the deposit is withdrawn")
    with pytest.raises(Refused, match="409"):
        settling.ship(voyage)
    voyage.deposited.clear()
    _settle(settling, voyage)

    assert voyage.state == "released"
    assert wrong(stack, purse, [voyage]) == []


def test_a_payout_and_its_deposit_reorganised_away_are_made_anew(
    stack: Stack, purse: Purse, settling: Settling
) -> None:
    voyage = settling.begin("release")
    _settle(settling, voyage)

    purse.reorganise(voyage.deposited[0], forget=True)
    _seen(settling, voyage, lambda one: not one.received, "the deposit is withdrawn")
    voyage.deposited.clear()
    _settle(settling, voyage)

    assert voyage.state == "released"
    assert wrong(stack, purse, [voyage]) == []


@pytest.mark.parametrize(
    ("ending", "state"),
    [("release", "created"), ("release", "funded"), ("release", "shipped"), ("arbiter refunds", "disputed")],
)
def test_a_database_older_than_a_payout_takes_it_from_the_chain(
    stack: Stack, purse: Purse, settling: Settling, ending: Ending, state: str
) -> None:
    voyage = settling.begin(ending)
    settling.settle([voyage], within=WITHIN, until=lambda one: one.state == state and one.has_address)
    _with_server_away(stack, "cp /data/market.db /data/older.db")
    _settle(settling, voyage)
    paid, ended = voyage.payouts, voyage.state

    # As an operator's restore does: without the note of what was acknowledged, or the server refuses the older database.
    beside = " ".join(f"/data/market.db{end}" for end in BESIDE)
    _with_server_away(stack, f"rm -f {beside} && mv /data/older.db /data/market.db")
    _seen(settling, voyage, lambda one: one.payouts == paid and one.state == ended, "the payout is adopted")

    assert wrong(stack, purse, [voyage]) == []
    assert [one["attempts"] for order in books_of(stack).orders if order["id"] == voyage.order_id
            for one in order["payouts"]] == [list(paid)]  # fmt: skip


def _with_server_away(stack: Stack, command: str) -> None:
    """Run a shell command on the database's volume while nobody has it open; the database is then whole without its log."""
    driver: Driver = stack.driver
    server = stack.container(SERVER)
    driver.stop(server.id)
    done = driver.run_helper(["sh", "-c", command], image=server.image_id, user="10102", volumes_from=server.id)
    assert not isinstance(done, str)
    assert done.code == 0, done.last_words()
    driver.start(server.id)
    eventually(
        lambda: stack.container(SERVER).health == "healthy",
        within=WITHIN,
        every=timedelta(milliseconds=300),
        what="the server is healthy",
    )
