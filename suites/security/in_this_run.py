"""Tells whether another check is part of this run, so that one cause becomes one finding and none is lost."""

from __future__ import annotations

import pytest

from stack.copy_isolated import isolated
from stack.errors import NoEngine
from stack.model import Stack
from suites.check import check_of
from suites.choice import How
from suites.session import choice_of, may_run


def is_asked_for(request: pytest.FixtureRequest, check: str) -> bool:
    """Whether some test of this session stands for the check."""
    return any(mark.args[0].id == check for item in request.session.items for mark in item.iter_markers("check"))


def unseen(request: pytest.FixtureRequest, stack: Stack) -> frozenset[str]:
    """The services that no check of running containers will see: idle ones, and what a copy of the stack can't have.

    Of these what is declared stays the last word.
    """
    idle = {service.name for service in stack.services if service.idle}
    if choice_of(request.config).how is How.COPY:
        idle |= set(isolated(stack.rendered, excluded=stack.excluded, idle=idle)[1])
    return frozenset(idle)


def will_be_observed(request: pytest.FixtureRequest, stack: Stack, check: str) -> bool:
    """Whether a check of running containers is part of this run, and has (or will have) something to look at.

    Static checks come first, so a stack that this session starts does not run yet.
    """
    standing = [item for item in request.session.items if (entry := check_of(item)) and entry.id == check]
    if not any(may_run(item) for item in standing):  # not selected, or not allowed on a stack that is only attached to
        return False
    if choice_of(request.config).how in (How.OURS, How.COPY):
        return True
    try:
        return stack.is_running
    except NoEngine:
        return False
