"""The tables of profile.toml about what a program measures of itself, so that its numbers can be held against known traffic."""

from __future__ import annotations

from pydantic import Field

from stack.promises import Name, Section


class EscrowMetrics(Section):
    """What the application counts about the money it holds, under the names it uses."""

    transitions: Name  # counter by `to_state`
    deposits: Name  # counter
    payouts: Name  # counter
    locked_piconero: Name  # gauge
    disputes: Name  # gauge of those open
    active: Name  # gauge of escrows that are not over


class ApplicationMetrics(Section):
    """What the application counts, under the names it uses, so that traffic can be held against it."""

    requests: Name = "http_requests_total"  # counter by method, route and status
    duration: Name = "http_request_duration_seconds"  # histogram by method and route
    method_label: Name = "method"
    route_label: Name = "route"
    status_label: Name = "status"
    probes: dict[
        str, Name
    ]  # a path of the edge, `{}` where each request gets something of its own → the route it counts under
    counted: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict
    )  # a journey's kind of write → what it raises by one
    escrows: EscrowMetrics | None = None
