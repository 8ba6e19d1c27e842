"""The OrderMachine's memory finds each way in which an acknowledged order is no more what it was, and nothing in a sound one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chaos.effect import Fault
from chaos.faults import make
from chaos.machines.escrows import VERBS
from chaos.machines.machine import STEPS
from chaos.machines.order_book import DECISIONS, FOLLOWS, OrderBook
from chaos.machines.orders import OrderMachine
from chaos.machines.plan import Plan, Step
from stack.clients.market import Listing, Order
from stack.errors import UserError

MACHINE = OrderMachine()
ORDER = Order("a", 10, "created", "l", "b", "v", 5, "", "key-a")
LISTING = Listing("l", 4, "v", "Sextant", "", 5)


def book(*orders: Order) -> OrderBook:
    """One that was told of these orders of buyer 0, each in its turn."""
    made = OrderBook()
    for order in orders:
        asked = made.asking(order.idempotency_key, buyer=0, listing=0, escrow=True)
        assert made.answered(asked, order) == []
    return made


def test_a_sound_marketplace_gives_no_complaint() -> None:
    made = book(ORDER, replace(ORDER, id="c", sequence=11, idempotency_key="key-c"))
    made.asking("key-never-answered", buyer=0, listing=0, escrow=False)

    there = [
        replace(ORDER, state="funded"),
        replace(ORDER, id="c", sequence=11, idempotency_key="key-c"),
        replace(ORDER, id="d", sequence=12, idempotency_key="key-never-answered"),
    ]

    assert made.owns(0, there) == []
    assert made.owns(1, []) == []
    assert made.acknowledged == 2


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ([], "lost: order a was acknowledged with sequence 10, and its buyer has no such order"),
        ([ORDER, replace(ORDER, id="z")], "doubled: 2 orders of buyer 0 are under one key, the last is z"),
        ([replace(ORDER, id="z")], "lost: order a was acknowledged, and order z stands under its key"),
        ([replace(ORDER, price_piconero=6)], "order a is not what was acknowledged: price_piconero was 5 and is 6"),
        ([replace(ORDER, sequence=9)], "order a is not what was acknowledged: sequence was 10 and is 9"),
        ([ORDER, replace(ORDER, id="z", idempotency_key="k")], "order z is there, and buyer 0 never asked for it"),
    ],
)
def test_each_way_of_losing_an_order_is_told(there: list[Order], says: str) -> None:
    assert says in book(ORDER).owns(0, there)


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (["funded", "created"], "order a was funded and is created"),
        (["released", "refunded"], "order a was released and is refunded"),
        (["shipped", "funded"], "order a was shipped and is funded"),
        (["vanished"], "order a was created and is vanished"),
    ],
)
def test_a_state_that_goes_back_is_told(states: list[str], says: str) -> None:
    made = book(ORDER)

    found = [made.owns(0, [replace(ORDER, state=state)]) for state in states]

    assert found == [*[[]] * (len(states) - 1), [says]]


def test_states_that_only_move_on_are_fine_and_every_state_is_known() -> None:
    made = book(ORDER)

    assert [made.owns(0, [replace(ORDER, state=one)]) for one in ("created", "funded", "disputed", "refunded")] == [
        []
    ] * 4
    assert {one for some in FOLLOWS.values() for one in some} <= FOLLOWS.keys()


def test_asked_again_the_same_order_is_answered() -> None:
    made = book(ORDER)
    asked = made.asking("key-a", buyer=0, listing=0, escrow=True)

    assert made.answered(asked, replace(ORDER, state="funded")) == []
    assert made.answered(asked, replace(ORDER, id="z", sequence=12)) == [
        "doubled: asked again under the key of order a, and order z was acknowledged"
    ]
    assert made.answered(asked, replace(ORDER, sequence=12)) == [
        "order a is not what was acknowledged: sequence was 10 and is 12"
    ]


def test_an_order_under_another_key_is_told() -> None:
    made = OrderBook()

    assert made.answered(made.asking("mine", buyer=0, listing=0, escrow=False), ORDER) == [
        "order a is under another key than asked"
    ]


def test_a_number_given_twice_or_too_late_is_told() -> None:
    made = book(ORDER)

    assert made.number("login", 10, floor=0) == ["login and order a were both acknowledged with sequence 10"]
    assert made.number("login", 9, floor=made.highest) == [
        "login got sequence 9, and 10 had been acknowledged before it was asked for"
    ]


def test_an_order_that_was_asked_for_early_and_answered_late_keeps_its_early_number() -> None:
    """The first answer got lost: the second one tells the number that the order got long ago."""
    made = OrderBook()
    asked = made.asking("key-a", buyer=0, listing=0, escrow=False)
    made.number("login", 30, floor=0)

    again = made.asking("key-a", buyer=0, listing=0, escrow=False)

    assert again is asked
    assert made.answered(again, ORDER) == []


def test_a_transition_that_was_acknowledged_happened_once_and_stays() -> None:
    made = book(ORDER)
    (asked,) = made.asked

    assert made.done(asked, "ship", 11, floor=10) == []
    assert made.owns(0, [replace(ORDER, state="funded")]) == ["order a is funded, and its ship was acknowledged"]
    assert made.done(asked, "ship", 12, floor=11) == ["order a: ship was acknowledged after ship"]


@pytest.mark.parametrize("second", sorted(DECISIONS))
def test_only_one_decision_is_made(second: str) -> None:
    made = book(ORDER)
    (asked,) = made.asked

    assert made.done(asked, "release", 11, floor=10) == []
    assert made.done(asked, second, 12, floor=11) == [f"order a: {second} was acknowledged after release"]


def test_listings_are_kept_as_they_were_acknowledged() -> None:
    made = OrderBook()
    made.listed(LISTING, floor=0)

    assert made.offers([LISTING]) == []
    assert made.offers([]) == ["lost: listing l was acknowledged with sequence 4"]
    assert made.offers([replace(LISTING, price_piconero=1)]) == ["listing l is not what was acknowledged"]
    assert made.offers([LISTING, replace(LISTING, id="m")]) == ["doubled: listing 'Sextant'"]


# ── what is drawn ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", [0, 1, 6, 7, 4_294_967_295])
def test_a_seed_gives_the_same_list_each_time_and_it_can_show_something(seed: int) -> None:
    plan = MACHINE.draw(seed)

    assert plan == MACHINE.draw(seed)
    assert len(plan.steps) == STEPS
    assert MACHINE.is_worth_it(plan.steps)
    MACHINE.check(plan)


def test_other_seeds_give_other_lists_and_between_them_every_step_and_many_faults() -> None:
    plans = [MACHINE.draw(seed) for seed in range(20)]

    assert len({str(plan) for plan in plans}) == 20
    assert {step.name for plan in plans for step in plan.steps} == MACHINE.steps
    drawn = {str(_fault(step)) for plan in plans for step in plan.steps if step.name == "begin"}
    assert len(drawn) >= 10, sorted(drawn)
    verbs = {step.parameters["verb"] for plan in plans for step in plan.steps if step.name == "act"}
    assert verbs == VERBS.keys()


def test_faults_stand_one_at_a_time_and_while_they_stand_something_happens() -> None:
    for plan in map(MACHINE.draw, range(10)):
        names = [step.name for step in plan.steps if step.name in ("begin", "end")]

        assert all(one != other for one, other in itertools.pairwise(names))
        between = [second for first, second in itertools.pairwise(plan.steps) if first.name == "begin"]
        assert all(step.name != "end" for step in between)


def test_longer_lists_can_be_drawn() -> None:
    assert len(MACHINE.draw(3, steps=80).steps) == 80


def _fault(step: Step) -> Fault:
    return make(step.parameters["effect"], step.parameters["parameters"])


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────────


BEGIN: dict[str, Any] = {"effect": "killed", "parameters": {"service": "nginx"}, "buyer": 0, "listing": 0}


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Step("order", {"key": 1}), "is with key, expected buyer, escrow, key, listing"),
        (Step("end", {"now": True}), "is with now, expected nothing"),
        (Step("pay", {"key": -1}), "key is -1, expected a whole number from 0 to 10000"),
        (Step("pay", {"key": True}), "key is True, expected a whole number"),
        (Step("browse", {"listing": "x"}), "listing is 'x', expected a whole number"),
        (Step("order", {"key": 0, "buyer": 0, "listing": 0, "escrow": 1}), "escrow is 1, expected true or false"),
        (Step("act", {"key": 0, "verb": "steal"}), "there is no verb 'steal': it is one of ship, dispute"),
        (Step("act", {"key": 0, "verb": ["ship"]}), "there is no verb ['ship']"),
        (Step("begin", {**BEGIN, "effect": "flooded"}), "there is no fault 'flooded': it is one of"),
        (Step("begin", {**BEGIN, "effect": 7}), "a fault is an effect and its parameters"),
        (Step("begin", {**BEGIN, "parameters": {"also": []}}), "the fault 'killed' names no service"),
        (Step("begin", {**BEGIN, "effect": "latency"}), "fault latency: "),
        (Step("begin", {**BEGIN, "parameters": {"service": "nginx", "also": 5}}), "fault killed: "),
        (
            Step("begin", {**BEGIN, "parameters": {"service": "nginx", "also": [5]}}),
            "its targets are names of services, found ['nginx', 5]",
        ),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_before_anything_is_done(step: Step, says: str) -> None:
    with pytest.raises(UserError) as refused:
        MACHINE.check(Plan("orders", (step,)))

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("parameters", [{"service": "ngnix"}, {"service": "nginx", "also": ["ngnix"]}])
def test_a_fault_of_a_service_that_is_not_there_is_refused(parameters: dict[str, Any]) -> None:
    services: Sequence[str] = ("nginx", "server-blue")
    plan = Plan("orders", (Step("end"), Step("begin", {**BEGIN, "parameters": parameters})))

    with pytest.raises(
        UserError, match=r"step 2, killed\(.*\): the stack has no service 'ngnix' \(it has nginx, server-blue\)"
    ):
        MACHINE.refuse_strangers(plan, services)
