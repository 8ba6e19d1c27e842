"""Lets what several services share, a line of an anchor or of a Dockerfile, be one finding that names them all."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from stack.located import Where
from stack.model import Service, Stack
from stack.profile import Profile
from suites.check import Evidence, not_applicable
from suites.security.rules.finding import Finding

MOST_NAMES = 5

Problems = Callable[[Stack, Service], Iterable[tuple[Where | None, str, str]]]
"""What is wrong with one service: the place, the problem without the service's name, and the exact thing it is about."""


def findings(stack: Stack, service: Service, problems: Problems, *, check: str, evidence: Evidence) -> list[Finding]:
    """The findings of a service, each with the others that share its line; what an earlier service shares is that one's.

    Ends the check as NOT_APPLICABLE when everything wrong with the service is said at another.
    """
    own, elsewhere = [], []
    for where, problem, what in problems(stack, service):
        sharing = _sharers(stack, problems)[where, problem] if where is not None else [service.name]
        # Whom the profile excepts speaks for nobody else, and nobody for it.
        names = [name for name in sharing if stack.profile.excepted(check, name, what or None) is None]
        if service.name not in names[1:]:
            own.append(Finding(f"{_listed(names or [service.name])}: {problem}", where, what, service.name))
        else:
            elsewhere.append(f"{problem} [{where}], which is said at {names[0]}: they share the line")
    if elsewhere and not own:
        not_applicable(f"{service.name}: {'; '.join(elsewhere)}")
    for text in elsewhere:
        evidence.declared(f"{service.name}: {text}")
    return own


def together(found: Iterable[Finding], *, check: str, profile: Profile) -> list[Finding]:
    """Findings of several services at one line as one; the text of each begins with its service's name."""
    alone: list[Finding] = []
    shared: dict[tuple[Where, str, str], list[Finding]] = defaultdict(list)
    for one in found:
        head = f"{one.service}: "
        if (
            one.where is None
            or not one.service
            or not one.text.startswith(head)
            or profile.excepted(check, one.service, one.what or None)
        ):
            alone.append(one)
        else:
            shared[one.where, one.what, one.text.removeprefix(head)].append(one)
    for (_, _, problem), several in shared.items():
        names = list(dict.fromkeys(one.service for one in several))
        alone.append(dataclasses.replace(several[0], text=f"{_listed(names)}: {problem}"))
    return alone


@functools.cache
def _sharers(stack: Stack, problems: Problems) -> Mapping[tuple[Where, str], list[str]]:
    """The services that have a problem at a place, in the order of the file."""
    found: dict[tuple[Where, str], list[str]] = defaultdict(list)
    for service in stack.services:
        for where, problem, _ in problems(stack, service):
            if where is not None and service.name not in found[where, problem]:
                found[where, problem].append(service.name)
    return found


def _listed(names: list[str]) -> str:
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
