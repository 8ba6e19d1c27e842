"""Whether a container is well now: what the engine says, or, where that is out of date, what its own check answers.

The engine calls a container unhealthy from the moment it is frozen until its next probe after the thaw, up to a whole
interval later, and "starting" after a restart. Asking its own health check at once gives the true answer in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_TIMEOUT_SECONDS = 5.0


def health_of(stack: Stack, container: Mapping[str, Any]) -> str:
    """`healthy`, `unhealthy`, `starting`, or `none` when it has no check."""
    said = str((container["State"].get("Health") or {}).get("Status", "none"))
    test = ((container["Config"].get("Healthcheck") or {}).get("Test")) or ["NONE"]
    if said in ("healthy", "none") or container["State"]["Status"] != "running" or test[0] == "NONE":
        return said
    argv = ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else list(test[1:])
    try:
        return "healthy" if stack.driver.exec(container["Id"], argv, timeout_seconds=_TIMEOUT_SECONDS).ok else said
    except CannotTell:
        return said


def up_for(stack: Stack, service: str) -> timedelta:
    """How long the service's container has been up. Raises CannotTell when it isn't."""
    started = str(stack.container(service).attrs["State"]["StartedAt"])
    return datetime.now(UTC) - datetime.fromisoformat(started[:19] + "+00:00")
