"""Every rule of compose-lint that no check of ours covers, each as a check of its own, with the line it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stack.model import Stack
from suites.check import Area, Check, Evidence, Impact, Level, Severity, as_mark, not_applicable, over
from suites.security.in_this_run import unseen, will_be_observed
from suites.security.rules import lint, overlaps
from suites.security.rules.finding import Finding, judge


def as_check(rule: lint.Rule) -> Check:
    """The entry of the checklist that stands for one rule of the tool."""
    return Check(
        id=f"SEC-LINT-{rule.id}",
        title=f"compose-lint's rule {rule.id} ({rule.name}) finds nothing",
        area=Area.SECURITY,
        severity=Severity(rule.severity),
        level=Level.DECLARED,
        impact=Impact.PASSIVE,
        rationale=rule.description,
        remediation=rule.remedy,
        standards=rule.references[:3],
    )


def every_rule() -> Iterator[Any]:
    """The rules as parameters that carry their own entry."""
    for rule in lint.rules():
        yield pytest.param(rule, id=rule.id, marks=as_mark(as_check(rule)))


@over("rule", every_rule(), reason="the installed compose-lint has no rule that is not covered by a check of ours")
def test_lint_rule_finds_nothing(
    stack: Stack, rule: lint.Rule, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    judged_by = overlaps.LINT_BY_RUNNING.get(rule.id)
    active = {service.name for service in stack.services}
    if judged_by and will_be_observed(request, stack, judged_by):
        active &= unseen(request, stack)
        evidence.declared(
            f"{judged_by} observes the same in the running containers; left for this: {', '.join(sorted(active)) or 'none'}"
        )
        if not active:
            not_applicable(f"{judged_by} observes the same in the running containers, in this run")

    found = [one for one in lint.findings(stack.compose_files) if one.rule == rule.id and one.service in active]
    observed = overlaps.LINT_PARTS_BY_RUNNING.get(rule.id, {})
    found = [
        one
        for one in found
        if not (one.subject in observed and will_be_observed(request, stack, observed[one.subject]))
    ]

    # A database has to write, and where it does so differs from image to image.
    databases = {service.name: service for service in stack.by_role("database")} if rule.id in lint.WRITES else {}
    for name in [one.service for one in found if one.service in databases]:
        evidence.declared(f"considered: {name} is a database and has to write ({databases[name].role_reason})")
    found = [one for one in found if one.service not in databases]

    evidence.declared(f"compose-lint read {', '.join(path.name for path in stack.compose_files)}")
    offences = [Finding(f"{one.service}: {one.text}", one.where, one.subject, one.service) for one in found]
    judge(offences, check=f"SEC-LINT-{rule.id}", evidence=evidence, profile=stack.profile)
