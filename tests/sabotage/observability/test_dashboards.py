"""OBS-DASH-002 finds each bad panel in dashboards that are asked of the running reference stack, and nothing wrong with its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.model import Stack
from suites.check import Evidence
from suites.observability.dashboards import Dashboard, Panel, dashboards_of
from suites.observability.panel_answers import look
from suites.observability.test_dashboards import test_every_panel_shows_something as the_check


def panel(title: str, query: str, unit: str = "", store: str = "prometheus") -> Panel:
    return Panel(title, store, (query,), unit, "time")


BAD = Dashboard(
    "bad",
    "Bad",
    (
        panel("Renamed", "http_request_total"),
        panel("Frozen", "count(up) * 0 or vector(0)"),
        panel("Empty", 'http_requests_total{route="/never"}'),
        panel("Refused", "rate(http_requests_total)"),
        panel("Unit", "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", unit="s"),
        panel("Lines", 'sum(rate({service="nobody"}[1m]))', store="loki"),
        panel("Not LogQL", "sum(rate({service=}[1m]))", store="loki"),
    ),
    Path("bad.json"),
)


def test_the_references_dashboards_pass_and_a_bad_one_fails(reference: Stack) -> None:
    dashboards = dashboards_of(reference)

    seen = look(reference, [*dashboards, BAD])

    assert len(dashboards) == 6
    for dashboard in dashboards:
        the_check(seen, dashboard, Evidence())
    with pytest.raises(AssertionError) as failure:
        the_check(seen, BAD, Evidence())
    for says in (
        "Renamed: there is no metric http_request_total",
        "Frozen: did not change with time",
        "Empty: has no data",
        "Refused: Prometheus refuses",
        "Unit: is shown in seconds, and no metric of it is in seconds",
        "Lines: has no data",
        "Not LogQL: Loki refuses",
    ):
        assert says in str(failure.value)
