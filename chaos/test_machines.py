"""Every state machine as a check of the scorecard: pytest chaos --experiment EXP-ORD-001 --seed 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.machines import every
from chaos.machines.campaign import Judged, Trial, Wish, judge
from chaos.machines.machine import Machine
from suites.check import Area, Check, Evidence, Impact, Level, Severity, as_mark, inconclusive, over

if TYPE_CHECKING:
    from stack.model import Stack


def _entry(machine: Machine) -> Check:
    return Check(
        machine.id,
        machine.hypothesis,
        Area.CHAOS,
        Severity(machine.severity),
        Level.OBSERVED,
        Impact.DESTRUCTIVE,
        machine.rationale,
        machine.remediation,
    )


def _machines(stack: Stack) -> list[object]:
    """Every machine; one whose services the stack lacks stands there as not applicable, so that it isn't forgotten."""
    return [_parameter(machine, stack) for machine in every().values()]


def _parameter(machine: Machine, stack: Stack) -> object:
    marks = [*as_mark(_entry(machine)), pytest.mark.needs(*machine.needs)]
    if lacks := machine.lacking(stack):
        marks.append(pytest.mark.nothing_to_check(lacks))
    trial = Trial(machine, frozenset(service.name for service in stack.services))
    return pytest.param(trial, id=machine.id, marks=marks)


@over("trial", _machines, reason="there is no machine")
def test_nothing_is_lost_whatever_comes(stack: Stack, trial: Trial, wish: Wish, evidence: Evidence) -> None:
    judged = judge(trial.machine, stack, wish, told=evidence.observed)

    _note(judged, evidence)
    performed = judged.performed
    if performed.holds is False:
        # What was seen to be lost is lost, whatever else went wrong; a failed revert is found by its being the cause.
        raise AssertionError(_told(judged)) from performed.failure
    if performed.failure is not None:
        raise performed.failure
    if performed.holds is None:
        inconclusive(performed.reason)


def _note(judged: Judged, evidence: Evidence) -> None:
    for at_seconds, text in judged.performed.timeline:
        evidence.moment(at_seconds, text)
    evidence.measure("Steps performed", judged.performed.done, "steps")
    evidence.measure("Whole run", judged.performed.seconds, "s")
    if judged.minimised is not None:
        steps = [(number, step) for number, step in enumerate(judged.minimised.steps, start=1)]
        evidence.table(
            f"The smallest failing list, of {judged.minimised.runs} that were tried", ("step", "what"), steps
        )


def _told(judged: Judged) -> str:
    performed = judged.performed
    said = f"{performed.reason} (step {performed.done} of the list {judged.file}: pytest chaos --replay {judged.file})"
    if judged.minimised is None:
        return said
    found = judged.minimised
    how = "no step of it can be left out" if found.is_minimal else "there was no time for a smaller one"
    steps = "; ".join(map(str, found.steps))
    return f"{said}; the smallest failing list of {found.runs} tried is {judged.smallest}, {how}: {steps}"
