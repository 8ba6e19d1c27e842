"""The order of experiments: nobody waits for a restart back-off when something else can run meanwhile."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from chaos.experiment import Experiment, Probe
from chaos.faults.container import Killed, Paused
from chaos.order import spaced
from chaos.stage import Stage

TEN = timedelta(seconds=10)


def killed(id: str, service: str, **changes: Any) -> Experiment:
    return made(id, Killed(service), quiet_before=TEN, **changes)


def made(id: str, fault: Any, **changes: Any) -> Experiment:
    return Experiment(
        id=id, hypothesis="back soon", fault=fault, steady_state=(Probe("well", lambda _stack: None),), **changes
    )


def order(*experiments: Experiment, seconds: float = 6) -> list[str]:
    return [one.id for one in spaced(experiments, lambda _one: timedelta(seconds=seconds))]


def test_kills_of_one_service_stand_apart_when_others_can_run_between() -> None:
    ids = order(
        killed("A-1", "shop"),
        killed("A-2", "shop"),
        made("B-1", Paused("till")),
        made("B-2", Paused("bank")),
    )

    first, second = ids.index("A-1"), ids.index("A-2")
    assert abs(first - second) == 3


def test_with_nothing_to_run_between_all_run_all_the_same() -> None:
    assert sorted(order(killed("A-1", "shop"), killed("A-2", "shop"))) == ["A-1", "A-2"]


def test_the_order_does_not_depend_on_that_of_the_files() -> None:
    several = [killed("A-1", "shop"), killed("A-2", "till"), made("B-1", Paused("bank")), made("B-2", Paused("shop"))]

    assert order(*several) == order(*reversed(several))


def test_experiments_on_a_stage_of_their_own_come_last_and_together() -> None:
    copy, other = (Stage(name, lambda stack: nullcontext(stack)) for name in ("copy", "other"))

    ids = order(
        made("A-1", Paused("shop"), stage=other),
        made("A-2", Paused("shop"), stage=copy),
        made("A-3", Paused("shop")),
        made("A-4", Paused("shop"), stage=other),
    )

    assert ids == ["A-3", "A-2", "A-1", "A-4"]
