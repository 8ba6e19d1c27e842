"""Cutting a failing list down: what is found fails, nothing of it can be left out, nothing is tried twice, budgets hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.machines.bisection import Minimised, minimise

LONG = timedelta(hours=1)
Fails = Callable[[tuple[int, ...]], bool | None]


def contains(needed: Sequence[int]) -> Callable[[Sequence[int]], bool]:
    """Fails when `needed` are there in this order, whatever is between them."""

    def fails(steps: Sequence[int]) -> bool:
        left = iter(steps)
        return all(one in left for one in needed)

    return fails


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_a_subsequence_that_fails_is_found_to_the_step(steps: list[int], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.sampled_from(range(len(steps))), min_size=1, max_size=4, unique=True))
    needed = [steps[place] for place in sorted(places)]

    found = minimise(steps, contains(needed), within=LONG, runs=10_000)

    assert list(found.steps) == needed
    assert found.is_minimal


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 2**32), st.integers(0, 60))
def test_what_is_found_was_seen_to_fail_whatever_fails(steps: list[int], seed: int, runs: int) -> None:
    """Also where failing has no pattern at all: a hash decides, and sometimes nothing can be told."""
    tried: list[tuple[int, ...]] = []

    def fails(some: tuple[int, ...]) -> bool | None:
        tried.append(some)
        return (True, False, False, None)[hash((seed, some)) % 4]

    found = minimise(steps, fails, within=LONG, runs=runs)

    left = iter(steps)
    assert all(one in left for one in found.steps), "the order changed"
    assert found.steps == tuple(steps) or fails(found.steps) is True
    assert found.runs <= runs
    if found.is_minimal and len(found.steps) > 1:
        assert all(
            fails(found.steps[:place] + found.steps[place + 1 :]) is not True for place in range(len(found.steps))
        )


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=15, unique=True), st.integers(0, 2**32))
def test_no_list_is_tried_twice(steps: list[int], seed: int) -> None:
    tried: list[tuple[int, ...]] = []

    def fails(some: tuple[int, ...]) -> bool:
        assert some not in tried
        tried.append(some)
        return hash((seed, some)) % 3 == 0

    found = minimise(steps, fails, within=LONG)

    assert found.runs == len(tried)


def test_the_whole_list_stays_when_each_step_matters() -> None:
    found = minimise([1, 2, 3, 4], contains([1, 2, 3, 4]), within=LONG)

    assert (found.steps, found.is_minimal) == ((1, 2, 3, 4), True)


def test_what_can_not_be_told_counts_as_not_failing_and_is_told() -> None:
    def fails(some: tuple[int, ...]) -> bool | None:
        return None if 1 not in some else 2 in some

    found = minimise([1, 2, 3], fails, within=LONG)

    assert found.steps == (1, 2)
    assert found.undecided > 0


def test_no_run_is_begun_when_time_is_up() -> None:
    ticks = itertools.count()
    tried = []

    def fails(some: tuple[int, ...]) -> bool:
        tried.append(some)
        return False

    found = minimise(range(100), fails, within=timedelta(seconds=5), clock=lambda: float(next(ticks)))

    assert 0 < len(tried) < 6
    assert found == Minimised(tuple(range(100)), len(tried), 0, False, found.seconds)


def test_an_empty_list_can_not_have_failed() -> None:
    with pytest.raises(ValueError, match="an empty list of steps can't have failed"):
        minimise([], lambda _: True, within=LONG)
