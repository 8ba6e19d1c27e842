"""Against real wallets and a real chain: escrows end as their parties decide, and no crash or odd deposit moves money twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chaos.faults.process import crash
from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from stack.model import Stack
from stack.money import books_of, broken
from stack.project import COMPOSE_FILE, ROOT, environment
from stack.purse import Purse, open_purse
from stack.settle import ENDINGS, settling_on
from stack.settling import PRICE_PICONERO, Settling, Voyage, received_wrongly
from stack.waiting import eventually

PROJECT = f"st-escrow-{os.getpid()}"
OFFSET = 26000
WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))
SERVICES = ("nginx", "server-blue", "monerod", *WALLETS)


def _stack(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    env = environment(PROJECT, OFFSET)
    try:
        Driver.connect(PROJECT, [COMPOSE_FILE], env=env)
    except NoEngine as error:
        pytest.skip(str(error))
    began = _stack("up", "--project", PROJECT, "--offset", str(OFFSET), "--no-build", "--services", *SERVICES)
    try:
        assert began.returncode == 0, began.stderr
        yield Stack.load([COMPOSE_FILE], project=PROJECT, profile=COMPOSE_FILE.with_name("profile.toml"), env=env)
    finally:
        _stack("down", "--project", PROJECT)


@pytest.fixture(scope="module")
def purse(stack: Stack) -> Iterator[Purse]:
    with open_purse(stack, spendings=16) as opened:
        yield opened


@pytest.fixture(scope="module")
def settling(stack: Stack, purse: Purse) -> Settling:
    return settling_on(stack, purse)


def _wrong(stack: Stack, purse: Purse, *voyages: Voyage) -> list[str]:
    """What is not true once everything answers again."""

    def asked() -> tuple[list[str]] | None:
        try:
            return ([*filter(None, (received_wrongly(one, purse) for one in voyages)), *broken(stack)],)
        except CannotTell:
            return None

    return eventually(asked, within=timedelta(seconds=30), every=timedelta(seconds=1), what="everything answers")[0]


def test_a_whole_escrow_takes_ten_seconds_at_most(stack: Stack, purse: Purse, settling: Settling) -> None:
    voyage = settling.begin("release")

    settling.settle([voyage], within=timedelta(seconds=30))

    assert voyage.state == "released"
    assert voyage.seconds <= 10, voyage.timeline
    assert _wrong(stack, purse, voyage) == []


def test_interleaved_escrows_each_end_in_their_own_way(stack: Stack, purse: Purse, settling: Settling) -> None:
    voyages = [settling.begin(ending) for ending in ENDINGS]

    settling.settle(voyages, within=timedelta(seconds=60))

    assert [voyage.state for voyage in voyages] == ["released", "released", "refunded", "refunded"]
    assert _wrong(stack, purse, *voyages) == []


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

    settling.settle([voyage], within=timedelta(seconds=60))

    assert _wrong(stack, purse, voyage) == []
    assert (len(voyage.payouts), books_of(stack).locked) == (payouts, 0)


@pytest.mark.parametrize("victim", ["server-blue", "monero-wallet-rpc-vendor", "monerod"])
def test_a_crash_under_the_payout_pays_it_once(stack: Stack, purse: Purse, settling: Settling, victim: str) -> None:
    voyage = settling.begin("release")
    struck: list[int] = []

    def strike() -> None:
        if voyage.state == "shipped" and not struck:
            struck.extend(crash(stack, stack.container(victim).attrs))

    settling.settle([voyage], within=timedelta(seconds=60), meanwhile=strike)

    assert struck
    assert voyage.state == "released"
    assert _wrong(stack, purse, voyage) == []
