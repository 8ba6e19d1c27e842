"""An outage has a length, and it is never understated."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errands import backups
from chaos.sampling import LONGEST_ANSWER, Sample, Sampler, Series
from stack.errors import CannotTell
from stack.waiting import pause


def series(*answers: tuple[float, float, bool]) -> Series:
    return Series(tuple(Sample(at, seconds, None if good else "wrong") for at, seconds, good in answers))


def test_an_outage_lasts_from_the_first_wrong_question_to_the_next_right_answer() -> None:
    assert series((0, 0.1, True), (1, 0.1, False), (2, 0.1, False), (3, 0.5, True)).outages == ((1, 2.5),)


def test_an_outage_without_an_end_counts_to_the_last_sample() -> None:
    one = series((0, 0.1, True), (1, 2.0, False))

    assert one.longest_outage == 2.0
    assert not one.ends_well


def test_no_wrong_answer_is_no_outage() -> None:
    assert series((0, 0.1, True), (1, 0.1, True)).longest_outage == 0


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_outages_never_overlap_and_there_is_one_exactly_where_an_answer_is_wrong(answers: list[bool]) -> None:
    one = series(*((float(n), 0.1, good) for n, good in enumerate(answers)))

    assert bool(one.outages) == (False in answers)
    ends = [start + length for start, length in one.outages]
    assert all(end <= start for end, (start, _) in zip(ends, one.outages[1:], strict=False))


def test_whatever_a_question_raises_is_a_wrong_answer() -> None:
    def ask() -> str | None:
        raise ConnectionError("gone")

    with Sampler(ask, every=timedelta(milliseconds=5)) as sampler:
        pause(0.05)
    found = sampler.stop()

    assert found.failures == len(found.samples) > 1
    assert found.first_complaint() == "ConnectionError: gone"


def test_the_end_waits_as_long_as_the_longest_answer_takes() -> None:
    assert timedelta(seconds=backups._LONGEST_SECONDS) < LONGEST_ANSWER


def test_an_answer_under_way_is_waited_for_and_counted() -> None:
    asked = Event()

    def ask() -> str | None:
        asked.set()
        pause(0.4)
        return "late"

    with Sampler(ask) as sampler:
        assert asked.wait(5)
        found = sampler.stop()

    assert [sample.complaint for sample in found.samples] == ["late"]
    assert not sampler._thread.is_alive()


def test_a_question_that_is_never_answered_is_said_and_never_taken_for_what_was_answered() -> None:
    let_go = Event()
    try:
        with (
            pytest.raises(CannotTell, match=r"a question that was asked throughout was not answered within 0\.2 s"),
            Sampler(lambda: str(let_go.wait(30)), longest=timedelta(seconds=0.2)) as sampler,
        ):
            pause(0.05)
            began = time.monotonic()
            sampler.stop()
        assert time.monotonic() - began < 5
    finally:
        let_go.set()


def test_what_the_block_raised_is_not_hidden_by_a_question_without_an_answer() -> None:
    let_go = Event()
    try:
        with pytest.raises(ZeroDivisionError), Sampler(lambda: str(let_go.wait(30)), longest=timedelta(seconds=0.2)):
            pause(0.05)
            _ = 1 / 0
    finally:
        let_go.set()
