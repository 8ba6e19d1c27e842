"""One round of log lines, one of escrows and one of panels a session, however many are judged by them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from suites.load.escrows import Sailed, sailed
from suites.observability.dashboards import dashboards_of
from suites.observability.panel_answers import Seen, look
from suites.observability.shipping import Shipped, services, ship

if TYPE_CHECKING:
    from stack.model import Stack


@pytest.fixture(scope="session")
def shipped(stack: Stack, running: Stack) -> dict[str, Shipped]:
    """What became of a line of each service."""
    delay = timedelta(seconds=stack.profile.objectives.log_delay_seconds)
    return ship(stack, [service.name for service in services(stack)], within=delay)


@pytest.fixture(scope="session")
def panels(stack: Stack, running: Stack) -> dict[str, list[Seen]]:
    """What every panel of every dashboard showed before and after the stack was given something to show."""
    return look(stack, dashboards_of(stack))


@pytest.fixture
def escrows(pytestconfig: pytest.Config, running: Stack, seed: int) -> Sailed:
    """Escrows under load, those that LOAD-ESC-001 judges; they sail at the first question of a session."""
    return sailed(pytestconfig, running, seed=seed)
