"""Who watches the watchers: alerting that is broken can't say so, so its silence has to be heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.alerts.switch import Loss
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over

if TYPE_CHECKING:
    from stack.model import Stack


def _switches(stack: Stack) -> list[str]:
    receiver, watchdog = stack.profile.receiver, stack.profile.alerts.watchdog
    return [receiver.service] if receiver and watchdog else []


@check(
    "ALR-DMS-001",
    title="The loss of Prometheus, Alertmanager or the receiver is itself noticed",
    area=Area.ALERTS,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="When the alerting dies, everything looks well: no alert is what a healthy stack sends too.",
    remediation="Let one alert fire always, and whoever receives it alarm when it stops; scrape the receiver, and alert on its absence.",
)
@needs("prometheus", "alertmanager", "alert-receiver")
@over("switch", _switches, reason="no dead man's switch is promised: `[alerts] watchdog = …` and `[receiver]` in a profile would enable it")
def test_loss_of_the_alerting_is_noticed(losses: list[Loss], switch: str, evidence: Evidence) -> None:
    for one in losses:
        evidence.observed(f"the loss of {one.link} was noticed by {one.noticed_by}" if one.seconds else f"nobody noticed {one.link}")
        if one.seconds is not None:
            evidence.measure(f"Loss of {one.link} noticed", one.seconds, "s", objective=one.bound_seconds)

    assert losses, f"{switch}: the watchdog does not reach it, so that its silence means nothing"
    wrong = [
        f"the loss of {one.link} was noticed by {one.noticed_by} "
        + (f"after {one.seconds:.1f} s" if one.seconds is not None else "never")
        + f", expected within {one.bound_seconds:.1f} s"
        for one in losses
        if not one.is_noticed
    ]
    assert not wrong, f"{switch}: " + "; ".join(wrong)
