"""The OrderMachine finds servers that lose, double and repeat, cuts the list down, and finds nothing wrong with a sound one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from chaos.machines.campaign import Trial, Wish, judge
from chaos.machines.orders import OrderMachine
from chaos.machines.plan import Plan, Step, read
from chaos.test_machines import test_nothing_is_lost_whatever_comes as the_check
from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Evidence
from tests.sabotage.market.with_defects import SERVICES, Defect, market_with_defects

PROJECT = f"st-sabotage-machines-{os.getpid()}"
OFFSET = 9000
MACHINE = OrderMachine()
TRIAL = Trial(MACHINE, frozenset(SERVICES))
AS_IT_IS = timedelta(0)
"""No time to cut a list down: that it fails is what is tried."""


def order(key: int, *, escrow: bool = False) -> Step:
    return Step("order", {"key": key, "buyer": 0, "listing": 0, "escrow": escrow})


def begin(effect: str, service: str) -> Step:
    return Step("begin", {"effect": effect, "parameters": {"service": service}, "buyer": 0, "listing": 0})


BROWSE, END = Step("browse", {"listing": 0}), Step("end")
CRASH = (begin("killed", "server-blue"), END)
SHIPPED_TWICE = (
    order(0, escrow=True),
    Step("pay", {"key": 0}),
    BROWSE,
    Step("act", {"key": 0, "verb": "ship"}),
    Step("act", {"key": 0, "verb": "ship"}),
)


@pytest.fixture(scope="module")
def market() -> Iterator[Defect]:
    with market_with_defects(PROJECT, OFFSET) as with_:
        yield with_


def tried(stack: Stack, steps: Sequence[Step], **wish: Any) -> None:
    plan = Plan("orders", tuple(steps))
    MACHINE.check(plan)
    the_check(stack, TRIAL, Wish(replay=plan, **wish), Evidence())


def test_a_sound_server_passes_where_the_defective_ones_fail(market: Defect) -> None:
    tried(market("none"), (*SHIPPED_TWICE, order(1), *CRASH, order(1)))


def test_a_crash_that_takes_orders_along_is_found(market: Defect) -> None:
    stack = market("a_crash_takes_the_last_orders_along")

    with pytest.raises(AssertionError, match="lost: order [0-9a-f]{24} was acknowledged with sequence"):
        tried(stack, (order(0), BROWSE, *CRASH), minimise_within=AS_IT_IS)


def test_a_step_that_is_acknowledged_twice_is_found(market: Defect) -> None:
    stack = market("a_parcel_is_shipped_as_often_as_its_vendor_says_so")

    with pytest.raises(AssertionError, match="order [0-9a-f]{24}: ship was acknowledged after ship"):
        tried(stack, SHIPPED_TWICE, minimise_within=AS_IT_IS)


def test_a_server_that_forgets_keys_is_found_and_the_list_cut_down_to_the_crash(market: Defect) -> None:
    stack = market("keys_are_forgotten_at_a_restart")
    steps = (BROWSE, begin("paused", "nginx"), BROWSE, END, order(0), *CRASH, BROWSE)

    judged = judge(MACHINE, stack, Wish(replay=Plan("orders", steps), minimise_within=timedelta(minutes=6)))

    assert "doubled: asked again under the key of order" in judged.performed.reason
    assert judged.minimised is not None
    assert judged.smallest is not None
    assert [str(step) for step in judged.minimised.steps] == [str(CRASH[0])], judged.performed.reason
    assert read(judged.smallest).steps == judged.minimised.steps


def test_where_the_books_are_wrong_beforehand_nothing_is_told(market: Defect) -> None:
    # The last one: the books of this copy stay wrong for good.
    stack = market("what_is_skimmed_is_called_a_fee")
    with pytest.raises(AssertionError, match=r"the ledger has \d+ of fees, but the chain charged \d+"):
        tried(stack, SHIPPED_TWICE[:3], minimise_within=AS_IT_IS)

    with pytest.raises(CannotTell, match="not true before anything was done: the ledger has"):
        tried(market("none"), (order(0),))
