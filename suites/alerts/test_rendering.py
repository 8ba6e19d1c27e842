"""ALR-ROUTE-002: what arrives can be read, as it was rendered from the numbers of a real incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.alerts.drill import Trial, expected_alerts
from suites.alerts.rendered import LINK, TEXTS, faults_of
from suites.alerts.test_firing import NO_ROWS
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, over

if TYPE_CHECKING:
    from stack.model import Stack


@check(
    "ALR-ROUTE-002",
    title="Notifications render with real data",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A template is only tried when something burns: “<no value> is down” wakes people and tells them nothing.",
    remediation="Use labels that the expression's result has, and $value's functions that fit its unit; link a page that exists.",
)
@over("alert", expected_alerts, reason=NO_ROWS)
def test_notification_can_be_read(stack: Stack, drilled: list[Trial], alert: str, evidence: Evidence) -> None:
    arrived = [one.said for trial in drilled for one in trial.heard if one.alert == alert and one.said is not None]
    if not arrived:
        inconclusive(f"no {alert} arrived that could be read: ALR-FIRE-001 says why")
    for said in arrived:
        evidence.observed("; ".join(f"{name}: {said.annotations.get(name, '')}" for name in (*TEXTS, LINK)))

    wrong = [f"{alert}: {fault}" for said in arrived for fault in faults_of(said, stack.root)]
    assert not wrong, "; ".join(dict.fromkeys(wrong))
