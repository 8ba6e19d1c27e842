"""Tells which ports the edge may open to everybody, so that the declared and the outside checks judge by one list."""

from __future__ import annotations

from stack.model import Service, Stack
from suites.security.rules import exposure


def ports_of_the_edge(stack: Stack, service: Service) -> frozenset[str]:
    """The container ports a service may publish to everybody: none, unless it is the edge."""
    said = stack.profile.stack
    is_edge = service.name == said.edge if said.edge else service.role == "edge"
    if not is_edge:
        return frozenset()
    if stack.profile.is_empty:
        return exposure.WEB_PORTS
    return frozenset({f"{said.https_port}/tcp", f"{said.https_port}/udp", f"{said.http_port}/tcp", *said.public_ports})
