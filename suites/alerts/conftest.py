"""One scaled copy and one round of posted alerts, however many checks look at what was heard in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from suites.alerts.drill import Trial, run, trials
from suites.alerts.routing import Routing, route
from suites.alerts.scaled_copy import Drill, drill
from suites.alerts.switch import Loss, lose_each

if TYPE_CHECKING:
    from stack.model import Stack

# The copy lives until the area's last check: its scope is the package's, and not the session's, so that no other area meets it.


@pytest.fixture(scope="package")
def scaled_copy(stack: Stack, running: Stack) -> Iterator[Drill]:
    """The time-scaled copy of the alerting, while it runs."""
    with drill(stack) as copy:
        yield copy


@pytest.fixture(scope="package")
def drilled(scaled_copy: Drill) -> list[Trial]:
    """What became of every row of the matrix; the drill runs at the first question."""
    return run(scaled_copy, trials(scaled_copy.stack))


@pytest.fixture(scope="package")
def losses(scaled_copy: Drill) -> list[Loss]:
    """What noticed the loss of each link of the alerting; the copy has no Prometheus afterwards, so this comes last (test_silence)."""
    return lose_each(scaled_copy)


@pytest.fixture(scope="session")
def routing(stack: Stack, running: Stack) -> Routing:
    """What became of alerts that were posted to the stack's own Alertmanager."""
    return route(stack)
