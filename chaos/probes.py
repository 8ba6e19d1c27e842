"""The questions experiments and failovers ask: does the edge serve, is a service well, has it been up for long enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos.customers import PATIENCE_SECONDS
from chaos.health import health_of
from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.edge import Edge
    from stack.model import Stack

BACK_OFF_RESETS_AFTER = timedelta(seconds=10)
"""The engine doubles its restart delay from 0.1 s on, and starts anew once a container has been up for this long."""
LONGER_THAN_PATIENCE = timedelta(seconds=PATIENCE_SECONDS + 1)
"""How long a fault stands that makes others wait: were it shorter, a request that waits for it would still be answered in time."""


def edge_serves(
    path: str,
    *,
    statuses: Iterable[int] = (200,),
    timeout_seconds: float = PATIENCE_SECONDS,
    within: timedelta = timedelta(0),
) -> Probe:
    """The edge answers a GET of `path` with one of `statuses`, and in time: by default, while customers have patience.

    Where the edge is, is looked up once, while it is well.
    """
    allowed = tuple(statuses)
    known: dict[str, Edge] = {}

    def complaint(stack: Stack) -> str | None:
        import requests

        if stack.project not in known:
            known[stack.project] = stack.edge
        try:
            with known[stack.project].session(timeout_seconds=timeout_seconds) as session:
                answer = session.get(path)
        except requests.RequestException as error:
            return f"GET {path}: {type(error).__name__}"
        return (
            None if answer.status_code in allowed else f"GET {path}: {answer.status_code}, expected {_either(allowed)}"
        )

    return Probe(
        f"the edge serves {path}" if allowed == (200,) else f"the edge answers {path} with {_either(allowed)}",
        complaint,
        within,
        timedelta(seconds=timeout_seconds),
    )


def answers(
    name: str, url_of: Callable[[Stack], str], *, timeout_seconds: float = 2, within: timedelta = timedelta(0)
) -> Probe:
    """An HTTP interface on this host answers 200. Its address is looked up once, while it is well."""
    known: dict[str, str] = {}

    def complaint(stack: Stack) -> str | None:
        import requests

        if stack.project not in known:
            known[stack.project] = url_of(stack)
        try:
            answer = requests.get(known[stack.project], timeout=timeout_seconds)
        except requests.RequestException as error:
            return f"{known[stack.project]}: {type(error).__name__}"
        return None if answer.ok else f"{known[stack.project]}: {answer.status_code}"

    return Probe(name, complaint, within)


def healthy(*services: str, within: timedelta = timedelta(0)) -> Probe:
    """Every container of the services runs and its health check, where it has one, is content."""

    def complaint(stack: Stack) -> str | None:
        wrong = []
        for service in services:
            ids = stack.driver.container_ids(service, all=True)
            states = [_state(stack, stack.driver.inspect(container_id)) for container_id in ids] or ["has no container"]
            wrong += [f"{service} {state}" for state in states if state]
        return "; ".join(wrong) or None

    return Probe(f"{', '.join(services)} {'is' if len(services) == 1 else 'are'} healthy", complaint, within)


def wallet_answers(name: str, *, within: timedelta = timedelta(0)) -> Probe:
    """The wallet tells its height to a client with its credentials."""

    def complaint(stack: Stack) -> str | None:
        try:
            stack.wallet(name).height()
        except CannotTell as error:
            return str(error)
        return None

    return Probe(f"wallet {name} answers", complaint, within)


def _state(stack: Stack, container: dict[str, Any]) -> str | None:
    status = container["State"]["Status"]
    if status != "running":
        return f"is {status}"
    health = health_of(stack, container)
    return None if health in ("healthy", "none") else f"is {health}"


def _either(statuses: tuple[int, ...]) -> str:
    return " or ".join(str(status) for status in statuses)
