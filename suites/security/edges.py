"""Tells which ports the edge may open to everybody, so that the declared and the outside checks judge by one list."""

from __future__ import annotations

from stack.model import Service, Stack
from suites.security.rules import exposure


def ports_of_the_edge(stack: Stack, service: Service) -> frozenset[str]:
    """The container ports a service may publish to everybody: none, unless it is the edge.

    Without a profile they are those behind the web's own ports, 80 and 443; behind the customary ports of web programs only where
    it publishes neither: what a proxy has on 8080 beside its 443 is its dashboard.
    """
    said = stack.profile.stack
    if not is_edge(stack, service):
        return frozenset()
    if stack.profile.is_empty:
        web = frozenset(
            f"{port.target}/{port.protocol}" for port in service.ports if port.published in PUBLIC_WEB_PORTS
        )
        return web or exposure.WEB_PORTS
    return frozenset({f"{said.https_port}/tcp", f"{said.https_port}/udp", f"{said.http_port}/tcp", *said.public_ports})


PUBLIC_WEB_PORTS = frozenset({80, 443})


def is_edge(stack: Stack, service: Service) -> bool:
    """Whether a service faces the internet: the profile's word, else its role.

    Where nothing has that role, an application that publishes 80 or 443 is its own edge.
    """
    named = stack.profile.stack.edge
    if named:
        return service.name == named
    if service.role == "edge" or stack.by_role("edge"):
        return service.role == "edge"
    return service.role == "application" and any(port.published in PUBLIC_WEB_PORTS for port in service.ports)


def edge_service(stack: Stack) -> Service | None:
    """The service that faces the internet; None when there is none."""
    return next((service for service in stack.services if is_edge(stack, service) and not service.idle), None)
