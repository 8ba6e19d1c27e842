"""When the steady state is asked for: read from a word, and whatever was not asked is never taken as good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chaos.experiment import Experiment, Outcome, run
from chaos.strategy import DEFAULT, Strategy, When, spoken, strategy
from stack.errors import UserError
from tests.chaos.marketplace import Met
from tests.chaos.test_experiment import PAUSE, frozen, thawed

CALM: Experiment = replace(PAUSE, steady_state=(thawed("till"),), during=())


def asked(when: str, experiment: Experiment, fake: Any) -> Any:
    return run(experiment, fake, steady=strategy(when))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("before,after", DEFAULT),
        ("before", frozenset({When.BEFORE})),
        ("continuously, after", frozenset({When.AFTER, When.CONTINUOUSLY})),
    ],
)
def test_a_strategy_is_read_from_its_words(text: str, means: Strategy) -> None:
    assert strategy(text) == means
    assert strategy(spoken(means)) == means


@pytest.mark.parametrize("text", ["", "never", "before,,after", "before-method-only", "BEFORE"])
def test_another_word_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"is none of before, during, after, continuously"):
        strategy(text)


def test_without_after_nothing_is_said_of_recovery(fake: Any) -> None:
    verdict = asked("before", CALM, fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "recovery was not looked at: the steady state was asked for before only"
    assert verdict.recovery_seconds is None


def test_without_after_what_broke_meanwhile_is_broken_all_the_same(fake: Any) -> None:
    verdict = asked("before", replace(CALM, during=(thawed("shop"),)), fake)

    assert verdict.outcome is Outcome.BROKEN


def test_without_before_the_verdict_says_that_nobody_looked(fake: Any) -> None:
    verdict = asked("after", CALM, fake)

    assert verdict.outcome is Outcome.HELD
    assert any(line.step == "not asked" and "not asked for before" in line.text for line in verdict.lines)


def test_without_before_an_unsteady_stack_is_broken_into_all_the_same(fake: Any) -> None:
    verdict = asked("after", replace(CALM, steady_state=(frozen("shop"),), recover_within=timedelta(seconds=0.2)), fake)

    assert verdict.outcome is Outcome.BROKEN
    assert verdict.bands


def test_during_asks_while_the_fault_stands(fake: Any) -> None:
    assert asked("before,during,after", CALM, fake).outcome is Outcome.HELD

    verdict = asked("before,during,after", replace(CALM, steady_state=(thawed("shop"),)), fake)

    assert verdict.outcome is Outcome.BROKEN
    assert verdict.reason == "during paused(shop): shop moves: shop is frozen"


def test_continuously_asks_all_the_time(fake: Any) -> None:
    assert asked("before,continuously,after", CALM, fake).outcome is Outcome.HELD

    verdict = asked("before,continuously,after", replace(CALM, steady_state=(thawed("shop"),)), fake)

    assert verdict.outcome is Outcome.BROKEN
    assert "shop moves: not for" in verdict.reason


def test_a_stack_that_settles_in_time_is_waited_for_and_that_is_said(fake: Any) -> None:
    frozen_still = thawed("till")
    fake.driver.pause(fake.driver.container_ids("till")[0])
    asked_before: list[int] = []

    def complaint(stack: Any) -> str | None:
        asked_before.append(1)
        if len(asked_before) == 13:
            fake.driver.unpause(fake.driver.container_ids("till")[0])
        return frozen_still.complaint(stack)

    experiment = replace(
        CALM,
        steady_state=(replace(frozen_still, complaint=complaint),),
        settles_within=timedelta(seconds=30),
        throughout=(),
    )

    verdict = run(experiment, fake)

    assert verdict.outcome is Outcome.HELD
    assert verdict.settled_seconds > 1
    assert "waited for" in verdict.lines[0].text


def test_what_customers_were_promised_is_unknown_without_customers(fake: Any) -> None:
    verdict = run(replace(CALM, users=timedelta(0)), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "customers were promised something, and there were none: no base load was asked for"


def test_customers_of_a_load_that_was_late_tell_nothing_good(fake: Any) -> None:
    verdict = run(replace(CALM, users=timedelta(0)), fake, customers=Met(late="it was late"))

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the load was the bottleneck: it was late" in verdict.reason


def test_customers_of_a_late_load_who_were_not_served_were_not_served(fake: Any) -> None:
    verdict = run(replace(CALM, users=timedelta(0)), fake, customers=Met("browse: 502", seconds=2, late="it was late"))

    assert verdict.outcome is Outcome.BROKEN
    assert "browse: 502" in verdict.reason


def test_customers_to_whom_nothing_was_promised_are_shown(fake: Any) -> None:
    verdict = run(CALM, fake, customers=Met("browse: 502", seconds=2))

    assert verdict.outcome is Outcome.HELD
    assert verdict.customers is not None
    assert verdict.customers.failures > 0
