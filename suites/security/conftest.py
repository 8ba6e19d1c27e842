"""The places to stand that the security checks share: outside the host, and before the edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from stack.edge import Edge
from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from suites.check import not_applicable
from suites.security.edge_client import Dial, EdgeClient, loopback_dial
from suites.security.edges import edge_service


# By module and not by session: one outside can exist on a machine, and the load area wants it next.
@pytest.fixture(scope="module")
def outside(running: Stack) -> Iterator[Outside]:
    """A network namespace outside the host; CannotTell (so INCONCLUSIVE) where none can be made."""
    if not running.driver.is_local():
        raise CannotTell("the engine is on another machine: its outside can't be built here")
    with Outside(running.project) as there:
        yield there


@pytest.fixture(scope="module")
def edge(running: Stack) -> EdgeClient:
    """A client that reaches the edge at the address it is published at."""
    return client_of(running, loopback_dial)


@pytest.fixture(scope="module")
def edge_from_outside(running: Stack, outside: Outside) -> EdgeClient:
    """A client that reaches the edge from outside, from any of many source addresses."""

    def from_outside(_: Edge) -> Dial:
        return lambda port, source: outside.dial(outside.host_addresses[0], port, source=source)

    return client_of(running, from_outside)


def client_of(stack: Stack, dial_of: Callable[[Edge], Dial]) -> EdgeClient:
    """The edge's client; a stack without an edge has nothing to check."""
    if edge_service(stack) is None:
        not_applicable("no service is the edge: [stack] edge = … in a profile would name one")
    found = stack.edge
    return EdgeClient(found, dial_of(found))
