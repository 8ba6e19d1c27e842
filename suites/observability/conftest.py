"""One round of log lines a session, however many services are judged by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from suites.observability.shipping import Shipped, services, ship

if TYPE_CHECKING:
    from stack.model import Stack


@pytest.fixture(scope="session")
def shipped(stack: Stack, running: Stack) -> dict[str, Shipped]:
    """What became of a line of each service."""
    delay = timedelta(seconds=stack.profile.objectives.log_delay_seconds)
    return ship(stack, [service.name for service in services(stack)], within=delay)
