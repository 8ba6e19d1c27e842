"""Find a fault's target again: by project and service label, every time, so that nothing outside the project is touched."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

_RUNS = ("running", "paused", "restarting")


def containers_of(stack: Stack, service: str) -> list[dict[str, Any]]:
    """The service's containers of this project, running or not, as inspect documents; without one-off containers."""
    found = []
    for container_id in stack.driver.container_ids(service, all=True):
        with suppress(CannotTell):  # it may have gone since it was listed
            found.append(stack.driver.inspect(container_id))
    return found


def running(stack: Stack, service: str) -> list[dict[str, Any]]:
    """The service's running containers. Raises CannotTell when it has none: a fault needs something to hit."""
    found = [c for c in containers_of(stack, service) if c["State"]["Status"] == "running"]
    if not found:
        raise CannotTell(f"{service} has no running container in project {stack.project}: there is nothing to break")
    return found


def helpers_at_work(stack: Stack, fault: Fault) -> list[str]:
    """The ids of the fault's own helper containers that run."""
    return [str(one["Id"]) for one in stack.driver.helpers(**fault.tools) if one["State"] == "running"]


def is_up(container: dict[str, Any]) -> bool:
    """Whether the container runs, is frozen, or is about to be restarted by its own policy."""
    return container["State"]["Status"] in _RUNS


def start_what_is_down(stack: Stack, service: str) -> None:
    """Start the service's containers that are not up. Does nothing to those that are."""
    for container in containers_of(stack, service):
        if not is_up(container):
            stack.driver.start(container["Id"])
