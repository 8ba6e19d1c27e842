"""Against real wallets and a real chain: escrows end as their parties decide, and no crash or odd deposit moves money twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chaos.faults.process import crash
from stack.model import Stack
from stack.money import books_of, broken
from stack.purse import Purse, open_purse
from stack.settle import ENDINGS, settling_on
from stack.settling import PRICE_PICONERO, Settling, Voyage
from tests.integration.escrow_stack import escrow_stack, wrong

WITHIN = timedelta(seconds=120)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with escrow_stack(f"st-escrow-{os.getpid()}", 26000) as brought_up:
        yield brought_up


@pytest.fixture(scope="module")
def purse(stack: Stack) -> Iterator[Purse]:
    with open_purse(stack, spendings=16) as opened:
        yield opened


@pytest.fixture(scope="module")
def settling(stack: Stack, purse: Purse) -> Settling:
    return settling_on(stack, purse)


def test_a_whole_escrow_takes_ten_seconds_at_most(stack: Stack, purse: Purse, settling: Settling) -> None:
    voyages: list[Voyage] = []

    # The best of three: what else the machine does meanwhile slows an escrow down, and nothing makes one faster.
    while len(voyages) < 3 and not any(voyage.seconds <= 10 for voyage in voyages):
        voyages.append(settling.begin("release"))
        settling.settle(voyages[-1:], within=WITHIN)

    assert {voyage.state for voyage in voyages} == {"released"}
    assert min(voyage.seconds for voyage in voyages) <= 10, [voyage.timeline for voyage in voyages]
    assert wrong(stack, purse, voyages) == []


def test_interleaved_escrows_each_end_in_their_own_way(stack: Stack, purse: Purse, settling: Settling) -> None:
    voyages = [settling.begin(ending) for ending in ENDINGS]

    settling.settle(voyages, within=WITHIN)

    assert [voyage.state for voyage in voyages] == ["released", "released", "refunded", "refunded", "refunded"]
    assert wrong(stack, purse, voyages) == []


@pytest.mark.parametrize(
    ("deposits", "late_deposits", "payouts"),
    [
        ((PRICE_PICONERO // 2, PRICE_PICONERO // 2), (), 1),
        ((2 * PRICE_PICONERO,), (), 1),
        ((PRICE_PICONERO, PRICE_PICONERO), (), 1),
        ((PRICE_PICONERO,), (PRICE_PICONERO,), 2),
    ],
    ids=["in two halves", "too large", "twice before the payout", "once more after the payout"],
)
def test_odd_deposits_leave_nobody_out_of_pocket(
    stack: Stack,
    purse: Purse,
    settling: Settling,
    deposits: tuple[int, ...],
    late_deposits: tuple[int, ...],
    payouts: int,
) -> None:
    voyage = settling.begin("release", deposits=deposits, late_deposits=late_deposits)

    settling.settle([voyage], within=WITHIN)

    assert wrong(stack, purse, [voyage]) == []
    assert (len(voyage.payouts), books_of(stack).locked) == (payouts, 0)


def test_a_crumb_fills_no_gap_and_is_not_spent(stack: Stack, purse: Purse, settling: Settling) -> None:
    """A wallet would spend an output of one piconero, at the fee of an input: seen before payouts chose their outputs."""
    voyage = settling.begin("release", deposits=(PRICE_PICONERO - 1, 1))
    settling.settle([voyage], within=WITHIN, until=lambda one: one.received == PRICE_PICONERO)
    before = settling.look(voyage).state

    voyage.deposits += (PRICE_PICONERO,)
    everything = sum(voyage.deposits)
    settling.settle([voyage], within=WITHIN, until=lambda one: one.state == "released" and one.received == everything)

    back, onward = purse.received(voyage.refund_address), purse.received(voyage.payout_address)
    assert (before, voyage.held, broken(stack)) == ("created", 1, [])
    assert back == {voyage.payouts[0]: PRICE_PICONERO - 1}
    assert PRICE_PICONERO - 3_000_000_000 < onward[voyage.payouts[0]] < PRICE_PICONERO  # a fee of two inputs: 2.6e9


def test_a_deposit_of_several_outputs_is_paid_out_at_a_fee_of_as_many_inputs(
    stack: Stack, purse: Purse, settling: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay, tenth = purse.pay, PRICE_PICONERO // 10
    monkeypatch.setattr(purse, "pay", lambda address, _: pay(address, *[tenth] * 10))
    voyage = settling.begin("release")

    settling.settle([voyage], within=WITHIN)

    assert wrong(stack, purse, [voyage]) == []
    assert books_of(stack).orders[-1]["held"] == 0


@pytest.mark.parametrize("victim", ["server-blue", "monero-wallet-rpc-vendor", "monerod"])
def test_a_crash_under_the_payout_pays_it_once(stack: Stack, purse: Purse, settling: Settling, victim: str) -> None:
    voyage = settling.begin("release")
    struck: list[int] = []

    def strike() -> None:
        if voyage.state == "shipped" and not struck:
            struck.extend(crash(stack, stack.container(victim).attrs))

    settling.settle([voyage], within=WITHIN, meanwhile=strike)

    assert struck
    assert voyage.state == "released"
    assert wrong(stack, purse, [voyage]) == []
