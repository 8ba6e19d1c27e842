"""The schedule: as many arrivals as the rate says, in order, never waiting for anybody."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from load.arrivals import Segment, constant, evenly, expected, length, poisson, ramp, share, spike, steps

rates = st.floats(min_value=0, max_value=200)
seconds = st.floats(min_value=0.1, max_value=10)
segments = st.lists(st.builds(Segment, seconds, rates, rates), min_size=1, max_size=4)


def test_a_constant_rate_is_evenly_spaced() -> None:
    times = list(evenly(constant(10, 1)))

    assert times == pytest.approx([0.05 + 0.1 * n for n in range(10)])


def test_a_ramp_brings_the_area_under_it() -> None:
    times = list(evenly(ramp(0, 100, 10)))

    assert len(times) == 500
    assert sum(time < 5 for time in times) == 125


def test_a_rate_that_begins_at_zero_has_no_arrival_at_once() -> None:
    assert next(evenly(ramp(0, 10, 10))) == pytest.approx(1.0)


def test_a_pause_in_the_schedule_has_no_arrivals() -> None:
    times = list(evenly([*constant(10, 1), *constant(0, 5), *constant(10, 1)]))

    assert not [time for time in times if 1 < time < 6]
    assert len(times) == 20


def test_a_spike_is_where_it_was_put() -> None:
    times = list(evenly(spike(10, 200, before=2, spike_seconds=1, after=2)))

    assert sum(2 <= time < 3 for time in times) == 200
    assert len(times) == 240


def test_steps_follow_one_another() -> None:
    assert expected(steps([10, 20, 30], 2)) == 120
    assert length(steps([10, 20, 30], 2)) == 6


@pytest.mark.parametrize("values", [(0, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, math.nan), (math.inf, 1, 1)])
def test_what_is_no_rate_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Segment(*values)


def test_there_is_no_worker_beyond_the_last() -> None:
    with pytest.raises(ValueError, match="no worker 2 of 2"):
        share(evenly(constant(1, 1)), index=2, count=2)


@settings(deadline=None, max_examples=40)
@given(segments)
def test_arrivals_are_as_many_as_expected_and_ascend_within_the_schedule(rate: list[Segment]) -> None:
    times = list(evenly(rate))

    assert abs(len(times) - expected(rate)) <= 1
    assert all(before <= after for before, after in pairwise(times))
    assert all(0 <= time <= length(rate) + 1e-6 for time in times)


@settings(deadline=None, max_examples=40)
@given(segments, st.integers(0, 2**32))
def test_poisson_arrivals_ascend_and_repeat_with_their_seed(rate: list[Segment], seed: int) -> None:
    times = list(poisson(rate, seed=seed))

    assert times == list(poisson(rate, seed=seed))
    assert all(before <= after for before, after in pairwise(times))
    # six standard deviations: one example in a billion would fail by chance
    assert abs(len(times) - expected(rate)) <= 6 * math.sqrt(expected(rate)) + 6


@settings(deadline=None, max_examples=40)
@given(segments, st.integers(1, 5))
def test_the_workers_parts_are_exactly_the_whole(rate: list[Segment], count: int) -> None:
    parts = [list(share(evenly(rate), index=index, count=count)) for index in range(count)]

    assert sorted(time for part in parts for time in part) == list(evenly(rate))
