"""Every experiment as a check of the scorecard: pytest chaos --experiment EXP-WAL-001."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.chronicling import chronicle
from chaos.coverage import Cell, cells_of, tiers_of
from chaos.experiment import Experiment, Outcome, Verdict
from chaos.experiments import every
from chaos.fired import alerts_between
from chaos.toolkit.exporting import document_of
from chaos.toolkit.importing import imported, told
from stack.errors import CannotTell
from suites.check import Area, Check, Evidence, Impact, Level, Severity, as_mark, inconclusive, over

if TYPE_CHECKING:
    from chaos.conditions import Conditions
    from stack.model import Stack


def _entry(experiment: Experiment) -> Check:
    return Check(
        experiment.id,
        experiment.hypothesis,
        Area.CHAOS,
        Severity(experiment.severity),
        Level.OBSERVED,
        Impact.DESTRUCTIVE,
        experiment.rationale,
        experiment.remediation,
    )


def _experiments(stack: Stack) -> list[object]:
    """Every experiment; one whose targets the stack lacks stands there as not applicable, so that it isn't forgotten."""
    known = {service.name for service in stack.services} | stack.excluded
    tiers = tiers_of(stack.profile)
    return [_parameter(experiment, known, cells_of(experiment, tiers)) for experiment in (*every(), *imported(stack))]


def _parameter(experiment: Experiment, known: set[str], cells: frozenset[Cell]) -> object:
    marks = [*as_mark(_entry(experiment)), pytest.mark.needs(*experiment.targets)]
    marks.append(pytest.mark.experiment(experiment, cells))
    if missing := [name for name in experiment.targets if name not in known]:
        marks.append(
            pytest.mark.nothing_to_check(f"the stack has no service {missing[0]}: this is about the reference stack")
        )
    return pytest.param(experiment, id=experiment.id, marks=marks)


@over("experiment", _experiments, reason="there is no experiment")
def test_hypothesis_holds(stack: Stack, experiment: Experiment, evidence: Evidence, conditions: Conditions) -> None:
    verdict = conditions.verdict(experiment, stack)

    _note(verdict, evidence)
    seen = chronicle(verdict) | {"experiment": document_of(experiment)}
    if experiment.stage is None:
        try:
            seen["alerts"] = alerts_between(stack, verdict.began, seen["seconds"])
        except CannotTell as reason:
            evidence.observed(str(reason))
    evidence.chronicled(told(experiment, verdict, seen))
    if verdict.failure is not None:
        raise verdict.failure
    if verdict.outcome is Outcome.INCONCLUSIVE:
        inconclusive(verdict.reason)
    assert verdict.outcome is Outcome.HELD, verdict.reason


def _note(verdict: Verdict, evidence: Evidence) -> None:
    for line in verdict.lines:
        evidence.moment(line.at_seconds, f"{line.step}: {line.text}")
    for name, series in verdict.series.items():
        evidence.measure(f"Longest outage: {name}", series.longest_outage, "s")
    if verdict.recovery_seconds is not None:
        evidence.measure("Recovery", verdict.recovery_seconds, "s")
    if verdict.overhead_seconds is not None:
        evidence.measure("Overhead of inject, revert and proof", verdict.overhead_seconds, "s")
    if verdict.waited_seconds:
        evidence.measure("Waited until the target had been up for long enough", verdict.waited_seconds, "s")
    if met := verdict.customers:
        evidence.measure("Requests of customers", len(met.requests), "requests")
        evidence.measure("Customers not served", met.failures, "requests")
        evidence.measure("Longest outage of customers", met.longest_outage, "s")
    else:
        evidence.observed(f"no customers browsed meanwhile: {verdict.without_customers or 'it did not come to it'}")
