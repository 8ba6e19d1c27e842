"""ALR-ROUTE-001 and 003: which pairs an inhibition rule stands for, and what disturbs whoever is told."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from stack.clients.alertmanager import HeldAlert
from stack.clients.prometheus import Rule
from stack.clients.receiver import DeliveredAlert, Delivery
from stack.errors import CannotTell
from suites.alerts import test_routing as checks
from suites.alerts.routing import Labels, Pair, Routing, pairs_of
from suites.alerts.test_routing import disturbances
from suites.check import Evidence

AT = datetime(2026, 11, 24, tzinfo=UTC)


def rule(name: str, severity: str) -> Rule:
    return Rule("alerting", name, "up", "g", "f", 0, {"severity": severity}, {}, "inactive", "ok", "")


RULES = [rule("Down", "critical"), rule("Slow", "warning"), rule("Full", "warning")]


def test_each_alert_that_a_rule_may_silence_is_paired_with_its_cause() -> None:
    config = {
        "inhibit_rules": [
            {"source_matchers": ['alertname = "Down"'], "target_matchers": ['alertname =~ "Slow|Down"'], "equal": ["service"]}
        ]
    }

    (pair,) = pairs_of(config, RULES, "t")  # nothing explains itself

    assert pair.cause == {"alertname": "Down", "severity": "critical", "service": "t-0-Slow"}
    assert pair.consequence == {"alertname": "Slow", "severity": "warning", "service": "t-0-Slow"}


def test_a_cause_known_by_its_severity_has_the_consequences_name() -> None:
    config = {
        "inhibit_rules": [
            {
                "source_matchers": ['severity = "critical"'],
                "target_matchers": ['severity = "warning"'],
                "equal": ["alertname", "service"],
            }
        ]
    }

    found = pairs_of(config, RULES, "t")

    assert [(pair.cause["alertname"], pair.cause["severity"]) for pair in found] == [("Slow", "critical"), ("Full", "critical")]
    assert pairs_of({}, RULES, "t") == ()


DOWN: Labels = {"alertname": "Down", "severity": "critical", "service": "s"}
SLOW: Labels = {"alertname": "Slow", "severity": "warning", "service": "s"}
FULL: Labels = {"alertname": "Full", "severity": "warning", "service": "f"}


def message(receiver: str, *several: Labels) -> Delivery:
    alerts = tuple(DeliveredAlert(one["alertname"], "firing", one, {}, AT, "") for one in several)
    return Delivery(AT, "firing", receiver, "", alerts, {})


def held(labels: Labels) -> HeldAlert:
    return HeldAlert(labels["alertname"], labels, {}, "suppressed", (), ("x",), (), AT, "")


def routing(*deliveries: Delivery, holds: Labels | None = SLOW) -> Routing:
    return Routing((FULL,), FULL, (Pair(DOWN, SLOW),), deliveries, (held(holds),) if holds else ())


BOTH = message("mail", {**FULL, "instance": "one"}, {**FULL, "instance": "another"})


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (routing(message("page", DOWN), BOTH), []),
        (routing(BOTH), ["Down: its alert did not arrive, though nothing explains it"]),
        (
            routing(message("page", DOWN), message("mail", SLOW), BOTH),
            ["Slow: was delivered beside Down of the same service, which explains it"],
        ),
        (
            routing(message("page", DOWN), BOTH, holds=None),
            ["Slow: was not delivered beside Down, and is not held back by it either"],
        ),
        (routing(message("page", DOWN)), ["Full: did not arrive alone"]),
        (
            routing(message("page", DOWN), message("mail", {**FULL, "instance": "one"}), message("mail", {**FULL, "instance": "another"})),
            ["Full: two instances of one service came in 2 messages, expected 1"],
        ),
    ],
)
def test_what_disturbs_is_told(one: Routing, says: list[str]) -> None:
    assert disturbances(one) == says


def judge(monkeypatch: pytest.MonkeyPatch, routed: dict[str, list[str]], *deliveries: Delivery) -> None:
    monkeypatch.setattr(checks, "receivers_for", lambda _stack, labels: routed[labels["alertname"]])
    alerts = SimpleNamespace(receivers={"warning": "mail", "none": "dog"}, watchdog="Watchdog")
    rules = [rule("Full", "warning"), rule("Watchdog", "none")]
    stack: Any = SimpleNamespace(
        profile=SimpleNamespace(alerts=alerts), prometheus=SimpleNamespace(rules=lambda: rules)
    )
    checks.test_alert_routes_by_its_severity(stack, "am", Routing((FULL,), FULL, (), deliveries, ()), Evidence())


def test_alerts_that_go_where_they_must_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, {"Full": ["mail"], "Watchdog": ["dog"]}, BOTH)


@pytest.mark.parametrize(
    ("routed", "delivery", "says"),
    [
        ({"Full": ["page"], "Watchdog": ["dog"]}, BOTH, "Full: is routed to page, expected mail"),
        ({"Full": [], "Watchdog": ["dog"]}, BOTH, "Full: is routed to nobody, expected mail"),
        ({"Full": ["mail"], "Watchdog": ["mail"]}, BOTH, "Watchdog: is routed to mail, expected dog"),
        ({"Full": ["mail"], "Watchdog": ["dog"]}, message("page", FULL), "Full: arrived by page, expected mail"),
        ({"Full": ["mail"], "Watchdog": ["dog"]}, message("page", DOWN), "Full: arrived by no way, expected mail"),
    ],
)
def test_an_alert_that_goes_elsewhere_fails(
    monkeypatch: pytest.MonkeyPatch, routed: dict[str, list[str]], delivery: Delivery, says: str
) -> None:
    with pytest.raises(AssertionError, match=says):
        judge(monkeypatch, routed, delivery)


def test_without_amtool_nobody_can_tell() -> None:
    from stack.completed import Completed
    from suites.alerts.amtool import receivers_for

    failed = Completed(("amtool",), 1, "", "connection refused", 0.0)
    endpoint = SimpleNamespace(service="am", port=9093)
    stack: Any = SimpleNamespace(
        profile=SimpleNamespace(alertmanager=endpoint),
        container=lambda _name: SimpleNamespace(exec=lambda _argv: failed),
    )

    with pytest.raises(CannotTell, match="amtool can't tell where an alert goes: connection refused"):
        receivers_for(stack, DOWN)
