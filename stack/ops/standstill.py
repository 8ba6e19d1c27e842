"""Stops what has files open while they are replaced, and starts it again whatever happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.driver import Driver

READY_WITHIN = timedelta(seconds=60)


@contextmanager
def stopped(driver: Driver, services: Sequence[str]) -> Iterator[list[str]]:
    """Give the ids of the services' running containers, which stand still while the block runs and run again after it."""
    with ExitStack() as undo:
        running = [each for name in services for each in driver.container_ids(name)]
        for container in running:
            undo.callback(driver.start, container)
            driver.stop(container)
        yield running


def await_ready(driver: Driver, containers: Sequence[str], *, what: str) -> None:
    """Wait until all of them are healthy, or run where they have no health check.

    Raises:
        AssertionError: not within a minute.

    """
    eventually(
        lambda: all(_health(driver.inspect(each)) in {"healthy", "running"} for each in containers),
        within=READY_WITHIN,
        every=timedelta(seconds=0.25),
        what=what,
    )


def _health(attrs: dict[str, Any]) -> str:
    state = attrs["State"]
    return str((state.get("Health") or {}).get("Status") or state["Status"])
