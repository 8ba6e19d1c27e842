"""A list is performed to its first violation, which stays whatever comes after; a failing one is cut down on fresh states."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chaos.effect import RevertFailed
from chaos.machines.campaign import Wish, judge
from chaos.machines.drawing import Drawing
from chaos.machines.machine import Machine, System
from chaos.machines.performing import Performed, perform
from chaos.machines.plan import Plan, PlanFile, Step, read
from stack.errors import CannotTell, UserError

LONG = timedelta(hours=1)
NOT_USED: Any = None


class Shop:
    """A pretended marketplace that keeps orders, except that a kill after two pauses makes it forget the last one."""

    def __init__(self, defect: bool = True) -> None:
        self.defect = defect
        self.orders: list[int] = []
        self.acknowledged: list[int] = []
        self.pauses = 0
        self.ended = 0

    def perform(self, step: Step) -> str:
        match step.name:
            case "order":
                self.orders.append(int(step.parameters["key"]))
                self.acknowledged.append(int(step.parameters["key"]))
            case "pause":
                self.pauses += 1
            case "kill" if self.defect and self.pauses >= 2:
                self.orders = self.orders[:-1]
            case "raise":
                raise step.parameters["error"]
        return "done"

    def complaints(self) -> Sequence[str]:
        return [f"lost: order {key}" for key in self.acknowledged if key not in self.orders]

    def end(self) -> None:
        self.ended += 1

    def finish(self) -> Sequence[str]:
        if not self.acknowledged:
            raise CannotTell("no order was acknowledged")
        return []


class ShopMachine(Machine):
    """Performs on a new Shop each time."""

    name: ClassVar[str] = "shop"
    id: ClassVar[str] = "EXP-SHOP-001"
    hypothesis: ClassVar[str] = "Nothing is lost"
    rationale: ClassVar[str] = ""
    remediation: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    steps: ClassVar[frozenset[str]] = frozenset({"order", "pause", "kill", "browse"})

    def __init__(self, make: Callable[[], Shop] = Shop) -> None:
        self.make = make
        self.shops: list[Shop] = []

    def rules(self) -> type[Drawing]:
        raise NotImplementedError

    def is_worth_it(self, steps: Sequence[Step]) -> bool:
        return True

    def refuse_nonsense(self, step: Step) -> None:
        if step.name == "order" and "key" not in step.parameters:
            raise UserError("has no key")

    @contextmanager
    def fresh(self, stack: Any, plan: Plan) -> Iterator[System]:
        shop = self.make()
        self.shops.append(shop)
        yield shop


def listed(text: str) -> tuple[Step, ...]:
    """`o1 p k b`: order 1, pause, kill, browse."""
    names = {"o": "order", "p": "pause", "k": "kill", "b": "browse"}
    return tuple(Step(names[word[0]], {"key": int(word[1:])} if word[1:] else {}) for word in text.split())


def performed(tmp_path: Path, steps: Sequence[Step], shop: Any, *, within: timedelta = LONG) -> Performed:
    plan = Plan("shop", tuple(steps))
    file = PlanFile.begin(tmp_path / "list.jsonl", plan)
    try:
        return perform(plan, shop, file, within=within)
    finally:
        file.close()


def notes(path: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["note"], line["text"]) for line in lines if "note" in line]


def test_a_list_on_which_nothing_is_wrong_holds(tmp_path: Path) -> None:
    shop = Shop(defect=False)

    done = performed(tmp_path, listed("o1 p p k b"), shop)

    assert (done.holds, done.done, shop.ended) == (True, 5, 1)
    assert notes(tmp_path / "list.jsonl")[-1] == ("end", "held after 5 of 5 steps: nothing to tell")


def test_the_first_violation_ends_it_and_what_stands_is_ended(tmp_path: Path) -> None:
    shop = Shop()

    done = performed(tmp_path, listed("o1 p p k b o2"), shop)

    assert (done.holds, done.violations, done.done, shop.ended) == (False, ["lost: order 1"], 4, 1)
    assert read(tmp_path / "list.jsonl").steps == listed("o1 p p k"), "what was not begun is not in the list"
    assert ("broken", "lost: order 1") in notes(tmp_path / "list.jsonl")


def test_a_loss_seen_once_is_a_loss_though_it_is_not_seen_again(tmp_path: Path) -> None:
    class Flickers(Shop):
        looked = 0

        def complaints(self) -> Sequence[str]:
            self.looked += 1
            return ["lost: order 1"] if self.looked == 2 else []

    done = performed(tmp_path, listed("o1 b b b"), Flickers())

    assert (done.holds, done.violations) == (False, ["lost: order 1"])


def test_a_violation_is_on_disk_before_anything_else_happens(tmp_path: Path) -> None:
    class Dies(Shop):
        def end(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        performed(tmp_path, listed("o1 p p k"), Dies())

    assert notes(tmp_path / "list.jsonl")[-1] == ("broken", "lost: order 1")


@pytest.mark.parametrize(
    ("error", "holds", "reason"),
    [
        (AssertionError("an odd answer"), False, "an odd answer"),
        (CannotTell("the witness is silent"), None, "the witness is silent"),
        (RevertFailed("REVERT_FAILED: paused(a)"), None, "REVERT_FAILED: paused(a)"),
    ],
)
def test_what_a_step_raises_is_a_violation_a_doubt_or_a_failed_revert(
    tmp_path: Path, error: Exception, holds: bool | None, reason: str
) -> None:
    class Raises(Shop):
        def perform(self, step: Step) -> str:
            raise error

    shop = Raises()

    done = performed(tmp_path, listed("o1"), shop)

    assert (done.holds, done.reason, shop.ended) == (holds, reason, 1)
    assert (done.failure is error) == isinstance(error, RevertFailed)


def test_a_violation_weighs_more_than_a_doubt_and_hides_no_failed_revert(tmp_path: Path) -> None:
    failure = RevertFailed("REVERT_FAILED: paused(a)")

    class Stuck(Shop):
        def end(self) -> None:
            raise failure

    done = performed(tmp_path, listed("o1 p p k"), Stuck())

    assert done.holds is False
    assert done.failure is failure
    assert done.reason == "lost: order 1; REVERT_FAILED: paused(a)"


def test_a_list_in_which_nothing_was_acknowledged_shows_nothing(tmp_path: Path) -> None:
    done = performed(tmp_path, listed("p p k"), Shop())

    assert (done.holds, done.reason) == (None, "no order was acknowledged")


def test_no_step_is_begun_when_time_is_up_and_what_was_done_is_judged(tmp_path: Path) -> None:
    shop = Shop()

    done = performed(tmp_path, listed("o1 o2"), shop, within=timedelta(0))

    assert (done.done, done.out_of_time, shop.ended, done.holds) == (0, True, 1, None)


def test_a_failing_list_is_cut_down_to_what_it_takes(tmp_path: Path) -> None:
    machine = ShopMachine()
    wish = Wish(replay=Plan("shop", listed("b o1 b p o2 b b p b o3 b k b b o4"), 7))

    judged = judge(machine, NOT_USED, wish, folder=tmp_path)

    assert judged.minimised is not None
    assert len(judged.minimised.steps) == 4
    assert {step.name for step in judged.minimised.steps} == {"order", "pause", "kill"}
    assert judged.minimised.is_minimal
    assert len(machine.shops) == judged.minimised.runs + 1, "each run begins with a fresh state"
    assert all(shop.ended == 1 for shop in machine.shops)


def test_the_smallest_list_is_a_file_that_fails_again_when_it_is_replayed(tmp_path: Path) -> None:
    first = judge(ShopMachine(), NOT_USED, Wish(replay=Plan("shop", listed("o1 b p b p o2 k"))), folder=tmp_path)
    assert first.smallest is not None

    plan = read(first.smallest)
    second = judge(ShopMachine(), NOT_USED, Wish(replay=plan), folder=tmp_path / "again")

    assert plan.seed is None
    assert second.performed.violations == first.performed.violations[:1] == ["lost: order 2"]
    assert second.minimised is not None
    assert second.minimised.steps == plan.steps


def test_a_list_that_does_not_fail_again_is_reported_as_it_was_seen(tmp_path: Path) -> None:
    """A race: it fails once, and never again. That it was seen is what counts."""
    shops = iter([True])
    machine = ShopMachine(lambda: Shop(defect=next(shops, False)))

    judged = judge(machine, NOT_USED, Wish(replay=Plan("shop", listed("o1 p p k b"))), folder=tmp_path)

    assert judged.performed.holds is False
    assert judged.minimised is not None
    assert judged.minimised.steps == listed("o1 p p k"), "what came after the violation can't have caused it"


def test_a_list_is_cut_down_only_when_somebody_wants_that_or_replays_it(tmp_path: Path) -> None:
    class Drawn(ShopMachine):
        def draw(self, seed: int, *, steps: int = 25) -> Plan:
            return Plan(self.name, listed("o1 p p k"), seed)

    alone = judge(Drawn(), NOT_USED, Wish(seed=1), folder=tmp_path / "a")
    wanted = judge(Drawn(), NOT_USED, Wish(seed=1, minimise=True), folder=tmp_path / "b")

    assert alone.minimised is None
    assert wanted.minimised is not None
    assert alone.file.name.endswith("-shop-1.jsonl")


def test_a_part_of_which_nothing_can_be_told_is_not_the_smallest(tmp_path: Path) -> None:
    class NotSteady(ShopMachine):
        @contextmanager
        def fresh(self, stack: Any, plan: Plan) -> Iterator[System]:
            if len(plan.steps) < 4:
                raise CannotTell("not true before anything was done")
            with super().fresh(stack, plan) as shop:
                yield shop

    judged = judge(NotSteady(), NOT_USED, Wish(replay=Plan("shop", listed("o1 p b p k"))), folder=tmp_path)

    assert judged.minimised is not None
    assert judged.minimised.steps == listed("o1 p p k")
    assert judged.minimised.undecided > 0


def test_what_was_seen_outlives_a_tidying_up_that_goes_wrong(tmp_path: Path) -> None:
    failure = RevertFailed("REVERT_FAILED: paused(a)")

    class Untidy(ShopMachine):
        errors = iter([CannotTell("the helper can't be removed"), failure])

        @contextmanager
        def fresh(self, stack: Any, plan: Plan) -> Iterator[System]:
            with super().fresh(stack, plan) as shop:
                yield shop
            raise next(self.errors)

    machine, wish = Untidy(), Wish(replay=Plan("shop", listed("o1 p p k")), minimise_within=timedelta(0))

    first = judge(machine, NOT_USED, wish, folder=tmp_path / "a").performed
    second = judge(machine, NOT_USED, wish, folder=tmp_path / "b").performed

    assert (first.holds, first.unsure) == (False, "afterwards: the helper can't be removed")
    assert (second.holds, second.failure) == (False, failure)


def test_an_error_of_our_own_makes_nothing_unseen_and_is_none_where_nothing_was_seen(tmp_path: Path) -> None:
    class Odd(Shop):
        def end(self) -> None:
            raise KeyError("ours")

    done = performed(tmp_path, listed("o1 p p k"), Odd())

    assert (done.holds, done.unsure) == (False, "KeyError: 'ours'")
    with pytest.raises(KeyError):
        performed(tmp_path / "b", listed("o1"), Odd())


def test_a_part_whose_fault_is_not_proved_gone_is_told_with_the_whole(tmp_path: Path) -> None:
    failure = RevertFailed("REVERT_FAILED: paused(a)")

    class Stuck(ShopMachine):
        @contextmanager
        def fresh(self, stack: Any, plan: Plan) -> Iterator[System]:
            if self.shops:
                raise failure
            with super().fresh(stack, plan) as shop:
                yield shop

    judged = judge(Stuck(), NOT_USED, Wish(replay=Plan("shop", listed("o1 p p k"))), folder=tmp_path)

    assert (judged.performed.holds, judged.performed.failure) == (False, failure)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan("orders", listed("o1")), "the list is of the machine 'orders', not of 'shop' (EXP-SHOP-001)"),
        (Plan("shop", (Step("dance"),)), "step 1: shop has no step 'dance' (it has browse, kill, order, pause)"),
        (Plan("shop", (*listed("p"), Step("order"))), "step 2, order: has no key"),
    ],
)
def test_a_list_that_is_not_the_machines_is_refused(plan: Plan, says: str) -> None:
    with pytest.raises(UserError) as refused:
        ShopMachine().check(plan)

    assert str(refused.value) == says
