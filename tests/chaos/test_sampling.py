"""An outage has a length, and it is never understated."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chaos.sampling import Sample, Sampler, Series
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
