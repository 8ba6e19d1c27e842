"""Where alerts go: each to whom its severity demands, a cause instead of its consequences, and a group as one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.alerts.amtool import receivers_for
from suites.alerts.routing import INSTANCES, Routing
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over

if TYPE_CHECKING:
    from stack.model import Stack


def _routers(stack: Stack) -> list[str]:
    said = stack.profile
    return [said.alertmanager.service] if said.alertmanager and said.receiver and said.alerts.receivers else []


NO_ROUTES = "where alerts have to arrive is not promised: `[alerts] receivers = { SEVERITY = RECEIVER }` in a profile would enable it"


@check(
    "ALR-ROUTE-001",
    title="Every alert routes to the receiver its severity demands",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.EFFECTIVE,
    impact=Impact.INTRUSIVE,
    rationale="An alert that ends at a receiver nobody reads has not been sent.",
    remediation="Ask `amtool config routes test` with the alert's labels; a route above it may match first, or none does.",
)
@needs("prometheus", "alertmanager", "alert-receiver")
@over("router", _routers, reason=NO_ROUTES)
def test_alert_routes_by_its_severity(stack: Stack, router: str, routing: Routing, evidence: Evidence) -> None:
    promised, watchdog = stack.profile.alerts.receivers, stack.profile.alerts.watchdog
    rules = [rule for rule in stack.prometheus.rules() if rule.kind == "alerting"]
    came = {labels["alertname"]: routing.receivers_of(labels) for labels in routing.alone}
    wrong, rows = [], []
    for rule in rules:
        wanted = promised.get(rule.labels.get("severity", ""))
        routed = receivers_for(stack, {**rule.labels, "alertname": rule.name})
        rows.append((rule.name, rule.labels.get("severity", ""), wanted or "", ", ".join(routed), ", ".join(came.get(rule.name, []))))
        if wanted is None:
            wrong.append(f"{rule.name}: nobody is promised for severity {rule.labels.get('severity', '')!r}")
        elif routed != [wanted]:
            wrong.append(f"{rule.name}: is routed to {', '.join(routed) or 'nobody'}, expected {wanted}")
        elif rule.name != watchdog and came[rule.name] != [wanted]:
            wrong.append(f"{rule.name}: arrived by {', '.join(came[rule.name]) or 'no way'}, expected {wanted}")

    evidence.table("Alerts and receivers", ("alert", "severity", "promised", "routed to", "arrived by"), rows)
    assert rules, f"{router}: Prometheus has no alerting rule, so nothing is ever routed"
    assert not wrong, "; ".join(wrong)


@check(
    "ALR-ROUTE-003",
    title="A cause's alert inhibits its consequences, and groups arrive as one",
    area=Area.ALERTS,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Twenty messages about one outage hide the one that names its cause.",
    remediation="Write inhibit_rules with the labels that cause and consequence share in `equal`, and group_by what belongs together.",
)
@needs("prometheus", "alertmanager", "alert-receiver")
@over("router", _routers, reason=NO_ROUTES)
def test_cause_inhibits_its_consequences_and_a_group_is_one_message(
    router: str, routing: Routing, evidence: Evidence
) -> None:
    evidence.table(
        "Causes and consequences",
        ("cause", "consequence", "cause arrived", "consequence held back"),
        [
            (
                f"{pair.cause['alertname']} ({pair.cause['severity']})",
                f"{pair.consequence['alertname']} ({pair.consequence['severity']})",
                "yes" if routing.messages_of(pair.cause) else "no",
                "yes" if routing.is_inhibited(pair.consequence) else "no",
            )
            for pair in routing.pairs
        ],
    )
    assert routing.pairs, f"{router}: no inhibition rule holds back any of the loaded alerts"
    wrong = disturbances(routing)
    assert not wrong, "; ".join(wrong)


def disturbances(routing: Routing) -> list[str]:
    """Which consequences were told beside their cause, which causes were not, and which groups came in pieces: sentences."""
    wrong = []
    for pair in routing.pairs:
        cause, consequence = pair.cause["alertname"], pair.consequence["alertname"]
        if not routing.messages_of(pair.cause):
            wrong.append(f"{cause}: its alert did not arrive, though nothing explains it")
        elif routing.messages_of(pair.consequence):
            wrong.append(f"{consequence}: was delivered beside {cause} of the same service, which explains it")
        elif not routing.is_inhibited(pair.consequence):
            wrong.append(f"{consequence}: was not delivered beside {cause}, and is not held back by it either")
    # What is held back beside its cause must arrive without it, or holding back proves nothing.
    wrong += [f"{one['alertname']}: did not arrive alone" for one in routing.alone if not routing.messages_of(one)]
    together = [
        {alert.labels.get("instance") for alert in one.alerts} >= set(INSTANCES) for one in routing.messages_of(routing.twice)
    ]
    if not any(together) and together:
        wrong.append(f"{routing.twice['alertname']}: two instances of one service came in {len(together)} messages, expected 1")
    return wrong
