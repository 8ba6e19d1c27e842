"""Finds the running containers of a service, so that every replica is judged and none that is missing looks fine."""

from __future__ import annotations

from stack.errors import CannotTell
from stack.model import Container, Service, Stack
from suites.check import not_applicable


def containers_of(stack: Stack, service: Service) -> list[Container]:
    """Every running replica of a service; a one-shot job that has ended is NOT_APPLICABLE.

    Raises:
        CannotTell: it should run and does not.

    """
    found = [container for container in replicas(stack, service.name) if container.is_running]
    if not found and service.one_shot:
        not_applicable(f"{service.name} is a one-shot job and has ended")
    if not found:
        raise CannotTell(f"{service.name} is not running, so nothing of it can be observed")
    return found


def replicas(stack: Stack, service: str) -> list[Container]:
    """The containers of a service as the engine lists them."""
    return [Container(stack.driver.inspect(identity), stack.driver) for identity in stack.driver.container_ids(service)]
