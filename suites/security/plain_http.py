"""Makes an edge without HTTPS one finding: the first TLS check says it, and the others say who did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from stack.edge import Edge
from stack.model import Service

TLS_MODULES = ("test_tls", "test_certificate", "test_sslyze")
"""The modules whose checks are about nothing but HTTPS at the edge."""
HTTPS_ALONE = frozenset({"SEC-HDR-001", "SEC-TLS-012"})
"""Checks elsewhere that say nothing new about an edge without HTTPS: the promise of HTTPS, and the way to it."""


@dataclass(frozen=True)
class PlainEdge(Edge):
    """An edge that should speak HTTPS and publishes none: whoever asks for the port has found the offence."""

    def port_of(self, scheme: str) -> int:
        """The host's port for plain `http`.

        Raises:
            AssertionError: `https` was asked for: the missing port is what the check looks for, and no lack of an answer.

        """
        if scheme == "https":
            message = f"the edge serves plain HTTP alone (port {self.http_port}), expected HTTPS with TLS 1.3"
            raise AssertionError(message)
        return super().port_of(scheme)


def without_https(edge: Edge) -> PlainEdge:
    """The same edge, as one whose missing HTTPS is a finding."""
    return PlainEdge(**{field.name: getattr(edge, field.name) for field in fields(edge)})


def why_not_applicable(edge: Edge, service: Service, own: str, speakers: Iterable[str]) -> str | None:
    """Why the check `own` has nothing to judge at an edge that publishes no HTTPS; None when it has to speak.

    `speakers` are the ids of the TLS checks that run in this session: the first of them speaks for all.
    """
    if edge.https_port is not None:
        return None
    if edge.http_port is None:
        return "the edge publishes neither HTTPS nor plain HTTP"
    if all(port.is_loopback for port in service.ports):
        return "the edge publishes plain HTTP on loopback alone, so nothing of it crosses a network"
    first = min(speakers, default=own)
    return None if own == first else f"the edge serves plain HTTP alone: {first} says so"
