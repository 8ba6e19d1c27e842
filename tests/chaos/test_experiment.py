"""An experiment's verdict on a stack made of a file: each way it can go, and what it never does."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from chaos.effect import Fault
from chaos.experiment import Experiment, Outcome, Probe, Promise, run
from chaos.experiments import every
from chaos.faults.container import Paused, Restarted
from chaos.runner import journal_of
from stack.errors import CannotTell, SeatrialError, UserError
from tests.chaos.fake_stack import FakeStack


def thawed(service: str) -> Probe:
    def complaint(stack: Any) -> str | None:
        return f"{service} is frozen" if Paused(service).active(stack) else None

    return Probe(f"{service} moves", complaint)


def frozen(service: str) -> Probe:
    return Probe(f"{service} is still", lambda stack: None if Paused(service).active(stack) else f"{service} moves")


PAUSE = Experiment(
    id="EXP-FAK-001",
    hypothesis="the till works while the shop is frozen",
    fault=Paused("shop"),
    steady_state=(thawed("shop"), thawed("till")),
    during=(thawed("till"),),
    throughout=(Promise(thawed("till")),),
    hold=timedelta(seconds=0.2),
    recover_within=timedelta(seconds=2),
    settles_within=timedelta(seconds=0.2),
)


def test_a_true_hypothesis_is_held_with_a_line_for_each_step(fake: Any) -> None:
    verdict = run(PAUSE, fake)

    assert verdict.outcome is Outcome.HELD
    steps = [line.step for line in verdict.lines]
    assert steps == ["steady", "inject", "witness", "during", "revert", "steady", "throughout", "customers", "verdict"]
    assert [line.at_seconds for line in verdict.lines] == sorted(line.at_seconds for line in verdict.lines)
    assert verdict.series["till moves"].failures == 0
    assert verdict.overhead_seconds is not None


def test_a_false_hypothesis_is_broken_and_the_fault_is_taken_back(fake: Any) -> None:
    verdict = run(replace(PAUSE, during=(thawed("shop"),)), fake)

    assert verdict.outcome is Outcome.BROKEN
    assert verdict.reason == "during paused(shop): shop moves: shop is frozen"
    assert not Paused("shop").active(fake)


def test_a_promise_broken_for_too_long_is_broken(fake: Any) -> None:
    verdict = run(replace(PAUSE, throughout=(Promise(thawed("shop"), outage=timedelta(seconds=0.05)),)), fake)

    assert verdict.outcome is Outcome.BROKEN
    assert "shop moves: not for" in verdict.reason


def test_a_promise_may_be_broken_for_as_long_as_it_says(fake: Any) -> None:
    verdict = run(replace(PAUSE, throughout=(Promise(thawed("shop"), outage=timedelta(seconds=5)),)), fake)

    assert verdict.outcome is Outcome.HELD
    assert verdict.series["shop moves"].failures > 0


def test_not_steady_beforehand_is_inconclusive_and_nothing_is_injected(fake: Any) -> None:
    verdict = run(replace(PAUSE, steady_state=(frozen("till"),)), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert re.fullmatch(
        r"not steady beforehand, nor 0\.\d s later, so nothing was injected: till is still: till moves", verdict.reason
    )
    assert not journal_of(fake).path.exists()


class Toothless(Restarted):
    """A restart that doesn't happen: nothing bites."""

    effect: ClassVar[str] = "toothless"

    def inject(self, stack: Any) -> None:
        """Do nothing."""


def test_a_silent_witness_is_inconclusive(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.trial.WITNESS_WITHIN", timedelta(seconds=0.3))
    fault: Fault = Toothless("shop")

    verdict = run(replace(PAUSE, fault=fault), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing shows that it bit" in verdict.reason


def test_a_stronger_witness_is_believed_over_the_faults_own(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.trial.WITNESS_WITHIN", timedelta(seconds=0.3))

    verdict = run(replace(PAUSE, witness=lambda _stack: None), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_probe_that_cannot_ask_is_inconclusive_and_the_fault_is_taken_back(fake: Any) -> None:
    def mute(_stack: Any) -> str | None:
        raise CannotTell("nobody answers")

    verdict = run(replace(PAUSE, during=(Probe("deaf", mute),)), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nobody answers" in verdict.reason
    assert not Paused("shop").active(fake)


def test_an_error_of_a_probes_own_kind_is_inconclusive_with_its_timeline(fake: Any) -> None:
    class Refused(SeatrialError):
        pass

    def refused(_stack: Any) -> str | None:
        raise Refused("the marketplace answered 429")

    verdict = run(replace(PAUSE, during=(Probe("an order is taken", refused),)), fake)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "the marketplace answered 429"
    assert [line.step for line in verdict.lines] == ["steady", "inject", "witness", "verdict"]
    assert not Paused("shop").active(fake)


def test_bad_input_goes_through_reverted(fake: Any) -> None:
    def misled(_stack: Any) -> str | None:
        raise UserError("there is no such wallet")

    with pytest.raises(UserError, match="there is no such wallet"):
        run(replace(PAUSE, during=(Probe("misled", misled),)), fake)

    assert not Paused("shop").active(fake)


def test_a_stack_that_does_not_recover_is_broken(fake: FakeStack) -> None:
    def lamed(_stack: Any) -> str | None:
        return "the till limps" if limping else None

    limping: list[bool] = []
    during = Probe("breaks the till", lambda _stack: limping.append(True))
    experiment = replace(
        PAUSE, steady_state=(Probe("till", lamed),), during=(during,), recover_within=timedelta(seconds=0.3)
    )

    verdict = run(experiment, fake)  # type: ignore[arg-type]

    assert verdict.outcome is Outcome.BROKEN
    assert "not steady again after the revert within 0.3 s: till: the till limps" in verdict.reason


def test_a_failed_revert_is_a_verdict_of_its_own(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paused, "revert", lambda _self, _stack: None)
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.4))

    verdict = run(PAUSE, fake)

    assert verdict.outcome is Outcome.REVERT_FAILED
    assert verdict.failure is not None
    assert verdict.failure.revert_failed
    monkeypatch.undo()


def test_an_experiment_without_a_steady_state_is_an_error_of_its_author() -> None:
    with pytest.raises(ValueError, match="EXP-FAK-001: an experiment without a steady state"):
        replace(PAUSE, steady_state=())


def test_every_experiment_is_collected_and_says_why_and_what_to_do() -> None:
    experiments = every()

    assert len(experiments) >= 6
    assert all(experiment.rationale and experiment.remediation for experiment in experiments)
