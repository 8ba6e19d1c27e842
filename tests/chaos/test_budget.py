"""A budget's plan: cells before severity, value a second, nothing that does not fit, and every cell that stays uncovered is named."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.budget import budget, expected_of, measured, plan
from chaos.coverage import Cell
from chaos.experiment import Experiment, Probe
from chaos.faults.container import Paused
from stack.errors import UserError

CRITICAL, IMPORTANT, NETWORK = (
    Cell("container", "critical"),
    Cell("container", "important"),
    Cell("network", "critical"),
)


def experiment(number: int, *, severity: str = "high") -> Experiment:
    return Experiment(
        id=f"EXP-FAK-{number:03}",
        hypothesis="nothing happens",
        fault=Paused("shop"),
        steady_state=(Probe("well", lambda _stack: None),),
        severity=severity,
    )


ONE, TWO, THREE, FOUR = (experiment(number) for number in range(1, 5))
COVERS = {
    ONE.id: frozenset({CRITICAL}),
    TWO.id: frozenset({CRITICAL}),
    THREE.id: frozenset({IMPORTANT, NETWORK}),
    FOUR.id: frozenset({NETWORK}),
}
TAKES = {ONE.id: 10, TWO.id: 5, THREE.id: 20, FOUR.id: 30}


def expected(one: Experiment) -> timedelta:
    return timedelta(seconds=TAKES[one.id])


def planned(seconds: float, *experiments: Experiment) -> tuple[list[str], list[str], list[Cell]]:
    made = plan(
        experiments or (ONE, TWO, THREE, FOUR),
        timedelta(seconds=seconds),
        expected=expected,
        cells=lambda one: COVERS[one.id],
    )
    return [one.id for one in made.picked], [one.id for one in made.spare], list(made.uncovered)


def test_what_covers_the_same_in_less_time_is_picked_first() -> None:
    assert planned(7, ONE, TWO) == ([TWO.id], [ONE.id], [])


def test_cells_come_before_what_is_covered_already() -> None:
    assert planned(25) == ([TWO.id, THREE.id], [ONE.id, FOUR.id], [])


def test_the_rest_of_the_time_is_used_for_what_else_fits() -> None:
    assert planned(40)[0] == [TWO.id, THREE.id, ONE.id]


def test_cells_that_do_not_fit_are_named() -> None:
    assert planned(12) == ([TWO.id], [THREE.id, FOUR.id, ONE.id], [IMPORTANT, NETWORK])


def test_of_two_alike_the_worse_failure_is_tried_first() -> None:
    mild, grave = experiment(1, severity="low"), experiment(2, severity="critical")

    made = plan(
        (mild, grave),
        timedelta(seconds=5),
        expected=lambda _: timedelta(seconds=5),
        cells=lambda _: frozenset({CRITICAL}),
    )

    assert made.picked == (grave,)


@given(st.integers(0, 100))
def test_no_plan_is_longer_than_its_budget_and_none_forgets_one(seconds: int) -> None:
    picked, spare, _ = planned(seconds)

    assert sum(TAKES[id] for id in picked) <= seconds
    assert sorted([*picked, *spare]) == sorted(TAKES)


def test_a_plan_says_what_it_picked_left_out_and_leaves_uncovered() -> None:
    made = plan((ONE, TWO, THREE), timedelta(seconds=12), expected=expected, cells=lambda one: COVERS[one.id])

    first, second, third = made.lines(expected)

    assert first == "budget 12 s: 1 experiments, 5 s expected: EXP-FAK-002"
    assert second == "left out unless time remains (not run is INCONCLUSIVE): EXP-FAK-003, EXP-FAK-001"
    assert third == "not covered by those picked: container × important, network × critical"


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300), ("90s", 90), ("2m30s", 150), ("1h", 3600), ("1.5m", 90)])
def test_a_budget_is_a_time_with_its_unit(text: str, seconds: float) -> None:
    assert budget(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["nonsense", "0", "5", "", "-5m", "5 minutes", "0s", "10ms", "5M"])
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="--budget"):
        budget(text)


def test_what_was_measured_counts_more_than_what_is_declared(tmp_path: Path) -> None:
    results = [
        {"id": "EXP-FAK-001", "seconds": 3.5, "outcome": "PASS"},
        {"id": "EXP-FAK-002", "seconds": 0.1, "outcome": "INCONCLUSIVE"},
        {"id": "SEC-RUN-001", "seconds": 9, "outcome": "PASS"},
    ]
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"results": results}))

    takes = expected_of(measured(file))

    assert takes(ONE) == timedelta(seconds=3.5)
    assert takes(TWO) == TWO.expected


@pytest.mark.parametrize("text", ["", "[]", '{"results": [{"id": "EXP-FAK-001"}]}', '{"results": 5}', "{"])
def test_results_that_cannot_be_read_tell_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)

    assert measured(file) == {}
    assert measured(tmp_path / "none.json") == {}
