"""Every rule of gixy-ng about security, each as a check of its own, on the nginx files that are mounted or copied from here."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.located import Where
from stack.model import Service, Stack
from suites.check import Area, Check, Evidence, Impact, Level, Severity, as_mark, not_applicable, over
from suites.security.edges import edge_service
from suites.security.in_this_run import will_be_observed
from suites.security.nginx_files import Configuration, configuration_of
from suites.security.rules import nginx_lint, overlaps
from suites.security.rules.finding import Finding, judge


def as_check(rule: nginx_lint.Rule) -> Check:
    """The entry of the checklist that stands for one rule of the tool."""
    return Check(
        id=f"SEC-GIXY-{rule.id}",
        title=f"gixy-ng's rule {rule.id} finds nothing in the nginx files that are mounted or copied from here",
        area=Area.SECURITY,
        severity=Severity(rule.severity),
        level=Level.DECLARED,
        impact=Impact.PASSIVE,
        rationale=rule.description,
        remediation=f"What to write instead is on the rule's page: {rule.page}",
        standards=(rule.page,),
    )


def every_rule() -> Iterator[Any]:
    """The rules as parameters that carry their own entry."""
    for rule in nginx_lint.rules():
        yield pytest.param(rule, id=rule.id, marks=as_mark(as_check(rule)))


@functools.cache
def audited(stack: Stack) -> dict[str, tuple[Configuration, tuple[nginx_lint.Issue, ...]]]:
    """The nginx configuration of each service that has one here, with all that is found in it, by the service's name.

    Raises:
        CannotTell: one can't be read.

    """
    found = {}
    for service in stack.services:
        configuration = configuration_of(stack, service)
        if configuration is None:
            continue
        try:
            found[service.name] = configuration, nginx_lint.audit(configuration.main, configuration.texts)
        except CannotTell as error:
            raise CannotTell(f"{service.name}: {error}") from error
    return found


def finding_of(service: Service, configuration: Configuration, issue: nginx_lint.Issue) -> Finding:
    """The finding with its place: a file here, else the path in the container as text."""
    here = configuration.places.get(issue.path)
    place = Where(here, issue.line) if here is not None and issue.line > 0 else service.where
    return Finding(f"{service.name}: {issue.text}", place, issue.path, service.name)


@over("rule", every_rule(), reason="the installed gixy-ng has no rule about security")
def test_nginx_rule_finds_nothing(
    stack: Stack, rule: nginx_lint.Rule, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    first = nginx_lint.rules()[0].id
    try:
        every = audited(stack)
    except CannotTell as error:
        if rule.id == first:
            raise
        not_applicable(f"nothing can be said of what can't be read: SEC-GIXY-{first} tells why ({error})")
    if not every:
        not_applicable("no service has nginx files that are mounted or copied from here")
    edge, judged_by = edge_service(stack), overlaps.GIXY_BY_EDGE.get(rule.id)
    if edge is not None and judged_by and will_be_observed(request, stack, judged_by):
        every = {name: found for name, found in every.items() if name != edge.name}
        if not every:
            not_applicable(f"{judged_by} asks the edge itself, in this run")
    offences = []
    for name, (configuration, issues) in every.items():
        evidence.declared(f"{name}: {len(configuration.texts)} files from {configuration.main}")
        if configuration.absent:
            evidence.declared(f"{name}: not here, so not read: {', '.join(configuration.absent)}")
        service = stack.service(name)
        offences += [finding_of(service, configuration, issue) for issue in issues if issue.rule == rule.id]
    judge(offences, check=f"SEC-GIXY-{rule.id}", evidence=evidence, profile=stack.profile)
