"""Every way a test can end has one outcome, because everything the reports say rests on that."""

from __future__ import annotations

import itertools

import pytest

from chaos.effect import RevertFailed
from reports.judging import judge
from reports.outcome import Judgement, Outcome, worst
from stack.errors import CannotTell, NoEngine
from suites.check import Excluded, NotApplicable

FAIL, INCONCLUSIVE, PASS, NOT_APPLICABLE = Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("when", "error", "outcome", "reason"),
    [
        ("call", None, PASS, ""),
        ("call", AssertionError("seen 1, expected 2\nassert 1 == 2"), FAIL, "seen 1, expected 2"),
        ("call", AssertionError(), FAIL, "AssertionError"),
        ("call", ExceptionGroup("two", [AssertionError("a"), AssertionError("b")]), FAIL, "two (2 sub-exceptions)"),
        (
            "call",
            ExceptionGroup("two", [AssertionError("a"), OSError("b")]),
            INCONCLUSIVE,
            "ExceptionGroup: two (2 sub-exceptions)",
        ),
        ("call", CannotTell("nobody answers"), INCONCLUSIVE, "nobody answers"),
        ("setup", NoEngine("no engine"), INCONCLUSIVE, "no engine"),
        ("call", ZeroDivisionError("division by zero"), INCONCLUSIVE, "ZeroDivisionError: division by zero"),
        ("call", pytest.skip.Exception("not today"), INCONCLUSIVE, "skipped: not today"),
        ("setup", pytest.skip.Exception("not today"), INCONCLUSIVE, "skipped: not today"),
        ("call", pytest.fail.Exception("by hand"), INCONCLUSIVE, "by hand"),
        (
            "call",
            pytest.fail.Exception("Timeout (>1.0s) from pytest-timeout."),
            INCONCLUSIVE,
            "ran out of its own time (Timeout (>1.0s) from pytest-timeout.)",
        ),
        ("setup", AssertionError("no stack"), INCONCLUSIVE, "set-up failed: AssertionError: no stack"),
        ("teardown", AssertionError("left"), INCONCLUSIVE, "tear-down failed: AssertionError: left"),
        ("call", NotApplicable("no wallets"), NOT_APPLICABLE, "no wallets"),
        ("setup", NotApplicable("no wallets"), NOT_APPLICABLE, "no wallets"),
        ("teardown", NotApplicable("too late"), INCONCLUSIVE, "tear-down failed: skipped: too late"),
    ],
)
def test_each_ending_has_its_outcome_and_reason(
    when: str, error: BaseException | None, outcome: Outcome, reason: str
) -> None:
    judged = judge(when, error)

    assert judged is not None
    assert (judged.outcome, judged.reason) == (outcome, reason)


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_a_phase_around_the_test_that_went_well_says_nothing(when: str) -> None:
    assert judge(when, None) is None


@pytest.mark.parametrize("error", [None, AssertionError("as expected")])
def test_a_test_expected_to_fail_has_no_say(error: BaseException | None) -> None:
    judged = judge("call", error, expected_failure="known")

    assert judged == Judgement(INCONCLUSIVE, "marked as expected to fail: known")


def test_what_was_left_out_by_name_is_not_applicable_and_marked() -> None:
    assert judge("setup", Excluded("grafana")) == Judgement(NOT_APPLICABLE, "grafana", excluded=True)


@pytest.mark.parametrize("when", ["call", "teardown"])
def test_a_failed_revert_is_seen_wherever_it_hides(when: str) -> None:
    try:
        try:
            raise RevertFailed("the rule is still there")
        except RevertFailed as cause:
            raise ExceptionGroup("at the end", [OSError("x")]) from cause
    except ExceptionGroup as error:
        judged = judge(when, error)

    assert judged is not None
    assert judged.revert_failed
    assert judged.outcome is INCONCLUSIVE


def test_combining_keeps_the_worse_outcome_and_never_forgets_a_failed_revert() -> None:
    for one, other in itertools.product(Outcome, repeat=2):
        together = Judgement(one, "a").combined(Judgement(other, "b", revert_failed=True))

        assert together.outcome is max(one, other)
        assert together.revert_failed


def test_the_worst_outcome_wins_and_none_at_all_is_inconclusive() -> None:
    assert worst([PASS, FAIL, INCONCLUSIVE]) is FAIL
    assert worst([NOT_APPLICABLE, PASS]) is PASS
    assert worst([]) is INCONCLUSIVE
