"""The metrics of our own programs as Prometheus's own linter reads them: names are an interface that dashboards depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.alerts.promtool import complaints, image_of
from suites.check import Area, Evidence, Impact, Level, Severity, check, over
from suites.observability.exposition import Exposition, applications, of_service, of_wallets

if TYPE_CHECKING:
    from stack.model import Stack


def exposing(stack: Stack) -> list[str]:
    """The services whose metrics are this stack's own words: the wallets' exporter and the applications."""
    said = stack.profile.wallet_metrics
    exporter = [said.service] if said and said.service not in stack.excluded else []
    return [*exporter, *(service.name for service in applications(stack))]


@check(
    "OBS-EXP-003",
    title="Metric names, types, help and units pass promtool's lint",
    area=Area.OBSERVABILITY,
    severity=Severity.LOW,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A unit that must be guessed is guessed wrong one day, and a counter that claims to be a gauge is graphed as one.",
    remediation="Name base units (seconds, bytes), end counters in _total and nothing else, and give each metric a help text and a type.",
    standards=("Prometheus: metric and label naming",),
)
@over(
    "service",
    exposing,
    reason="the stack promises no metrics of its own: `[wallet_metrics]` or `[services.NAME] metrics_path` would enable it",
)
def test_metrics_pass_the_linter(running: Stack, service: str, evidence: Evidence) -> None:
    said = running.profile.wallet_metrics
    is_exporter = said is not None and said.service == service
    shown = of_wallets(running) if is_exporter else of_service(running, running.service(service))

    evidence.observed(f"{service} exposes {len(shown.families)} metrics")
    wrong = linted(running, shown) + untyped(shown)
    assert not wrong, f"{service}: " + "; ".join(wrong)


def linted(stack: Stack, shown: Exposition) -> list[str]:
    """What promtool says of an exposition. Raises CannotTell when there is no promtool to ask."""
    done = stack.driver.run_helper(
        ["promtool", "check", "metrics"],
        image=image_of(stack),
        network="none",
        user="65534:65534",
        stdin=shown.text.encode(),
    )
    assert not isinstance(done, str)
    found = complaints(done)
    return found or ([] if done.ok else [f"promtool check metrics ended with {done.code} and without a word"])


def untyped(shown: Exposition) -> list[str]:
    """Metrics without a type, which the linter lets pass."""
    return [f"{family.name} has no type" for family in shown.families if family.type in ("unknown", "untyped")]
