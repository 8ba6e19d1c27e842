"""Waiting ends: with the answer, with a missed objective, or with "could not ask", and says which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.waiting import eventually, pause

SOON = timedelta(milliseconds=60)
OFTEN = timedelta(milliseconds=5)


def test_the_first_true_answer_is_returned() -> None:
    answers: Iterator[Any] = iter([None, False, [], "here"])

    found = eventually(lambda: next(answers), within=SOON, every=OFTEN)

    assert found == "here"


def test_not_yet_to_the_end_is_a_failed_assertion_that_names_what_was_awaited() -> None:
    with pytest.raises(AssertionError, match=r"the lamp is lit: not within 0\.06 s"):
        eventually(lambda: None, within=SOON, every=OFTEN, what="the lamp is lit")


@pytest.mark.parametrize("error", [CannotTell("no engine"), ConnectionRefusedError("refused")])
def test_unable_to_ask_to_the_end_is_not_a_failure_but_an_open_question(error: Exception) -> None:
    def probe() -> None:
        raise error

    with pytest.raises(CannotTell, match="could not be asked"):
        eventually(probe, within=SOON, every=OFTEN)


def test_an_answer_after_being_unable_to_ask_counts() -> None:
    steps: Iterator[CannotTell | str] = iter([CannotTell("not up"), "up"])

    def probe() -> str:
        step = next(steps)
        if isinstance(step, Exception):
            raise step
        return step

    assert eventually(probe, within=SOON, every=OFTEN) == "up"


def test_not_yet_as_the_last_word_is_a_missed_objective_though_asking_failed_before() -> None:
    steps = iter([CannotTell("not up")])

    def probe() -> None:
        step = next(steps, None)
        if step:
            raise step

    with pytest.raises(AssertionError):
        eventually(probe, within=SOON, every=OFTEN)


def test_a_slow_probe_is_asked_once_more_when_the_time_is_over() -> None:
    asked = []

    def probe() -> bool:
        asked.append(time.monotonic())
        pause(0.05)
        return len(asked) == 2

    assert eventually(probe, within=timedelta(milliseconds=40), every=OFTEN)


def test_other_errors_pass_through_at_once() -> None:
    def probe() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        eventually(probe, within=timedelta(hours=1), every=OFTEN)


def test_pausing_for_nothing_returns_at_once() -> None:
    began = time.monotonic()

    pause(-1)

    assert time.monotonic() - began < 0.05
