"""Dashboards that show something: provisioned from files, every query answered, and moving when the stack does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.clients.grafana import Grafana, ShownDashboard
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over
from suites.observability.dashboards import Dashboard, dashboards_of
from suites.observability.panel_answers import Seen

if TYPE_CHECKING:
    from stack.model import Stack

_AT_LEAST = 6
NO_DASHBOARDS = "no dashboard is mounted from this host into a service of role dashboards"


def _places(stack: Stack) -> list[str]:
    return [stack.profile.dashboards.service] if stack.profile.dashboards else []


@check(
    "OBS-DASH-001",
    title="At least six dashboards are provisioned in the running Grafana",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A dashboard that was made by hand is gone with Grafana's volume, and nobody reviewed it.",
    remediation="Keep dashboards as JSON files beside a provider in provisioning/dashboards, and look at Grafana's log for refused ones.",
)
@needs("grafana")
@over("place", _places, reason="no dashboards are promised: `[dashboards] service = …` in a profile would enable it")
def test_dashboards_are_provisioned(stack: Stack, place: str, evidence: Evidence) -> None:
    said = stack.profile.dashboards
    assert said is not None  # else there is no place
    password = stack.secret(said.password_secret) if said.password_secret else ""
    shown = Grafana(stack.url(said), user=said.user or "admin", password=password).dashboards()

    evidence.observed(f"{place} has {', '.join(sorted(one.title for one in shown)) or 'none'}")
    wrong = unprovisioned(shown, dashboards_of(stack))
    assert not wrong, f"{place}: " + "; ".join(wrong)


def unprovisioned(shown: Sequence[ShownDashboard], files: Sequence[Dashboard]) -> list[str]:
    """Which files Grafana has not taken, and whether too few of what it shows come from files: sentences."""
    provisioned = {one.uid for one in shown if one.is_provisioned}
    wrong = [f"{one.file.name} ({one.title}) is not among them" for one in files if one.uid not in provisioned]
    if len(provisioned) < _AT_LEAST:
        wrong.append(f"{len(provisioned)} dashboards are provisioned, expected {_AT_LEAST} or more")
    return wrong


@check(
    "OBS-DASH-002",
    title="Every panel's query is valid and has data, and changes with time or traffic unless its description names another cause",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="An empty panel is noticed in the incident it was made for; one that never moves is not noticed at all.",
    remediation="Correct the metric's name or the unit; end the panel's description with `Changes with: time|requests|writes|log lines|….`",
)
@needs("prometheus", "loki")
@over("dashboard", dashboards_of, reason=NO_DASHBOARDS)
def test_every_panel_shows_something(panels: dict[str, list[Seen]], dashboard: Dashboard, evidence: Evidence) -> None:
    seen = panels[dashboard.name]
    evidence.table(
        f"Panels of {dashboard.title}",
        ("panel", "queries", "unit", "changes with", "has data", "changed"),
        [
            (
                one.panel.title,
                str(len(one.panel.queries)),
                one.panel.unit or "none",
                one.panel.stimulus or "not said",
                "yes" if one.has_data else "no",
                ("yes" if one.moved else "no") if one.panel.is_moved else "not tried here",
            )
            for one in seen
        ],
    )

    assert seen, f"{dashboard.file.name}: has no panel"
    wrong = [complaint for one in seen for complaint in one.complaints()]
    assert not wrong, f"{dashboard.title}: " + "; ".join(wrong)
