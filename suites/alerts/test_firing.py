"""Each alert under its real cause: it must reach the receiver in time, say the right thing, and end when the cause does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.alerts.drill import GRACE, Heard, Trial, expected_alerts, patience_for, trials
from suites.check import Area, Evidence, Impact, Level, Severity, check, over

if TYPE_CHECKING:
    from stack.promises import Expectation

NO_ROWS = (
    "no cause of an alert is known: `[[alerts.expect]] fault = …, target = …, fires = […]` in a profile would enable it"
)


def _row(row: Expectation) -> str:
    return f"{row.fault}-{row.target}"


@check(
    "ALR-FIRE-001",
    title="Each alert fires under its real cause, reaches the receiver within its bound, and resolves",
    area=Area.ALERTS,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="An alert that was never seen to arrive is a hope: the rule, the route or the receiver may be broken.",
    remediation="Follow the alert: does the expression see the cause, does the route lead to a receiver, does the receiver answer?",
)
@over("alert", expected_alerts, reason=NO_ROWS)
def test_alert_fires_arrives_and_resolves(drilled: list[Trial], alert: str, evidence: Evidence) -> None:
    heard = [one for trial in drilled for one in trial.heard if one.alert == alert]
    for one in heard:
        _note(one, evidence)

    wrong = [complaint for one in heard for complaint in complaints(one)]
    assert not wrong, "; ".join(wrong)


def complaints(heard: Heard) -> list[str]:
    """What is wrong with how an alert was heard: sentences; empty when it was heard in time, and its end too."""
    name, about = heard.alert, heard.target
    fire = heard.timers.fire.total_seconds()
    if heard.fire_seconds is None:
        return [f"{name}: the receiver heard nothing of {about} (bound {fire:.1f} s)"]
    found = []
    if heard.fire_seconds > fire + GRACE.total_seconds():
        found.append(f"{name}: took {heard.fire_seconds:.1f} s to arrive, expected {fire:.1f} s")
    if heard.early is not None:
        found.append(f"{name}: ended while its cause stood: the receiver was told that {about} is well, which it was not yet")
    elif heard.resolve_seconds is None:
        patience = patience_for([heard.timers.resolve]).total_seconds()
        found.append(f"{name}: the receiver did not hear within {patience:.1f} s that {about} is well again")
    if heard.said is not None and not heard.said.annotations.get("summary"):
        found.append(f"{name}: arrived without a summary")
    return found


def _note(heard: Heard, evidence: Evidence) -> None:
    timers = heard.timers
    evidence.effective(
        f"scrape {timers.scrape:g} s in at most {timers.timeout:g} s, evaluation {timers.evaluation:g} s, for {timers.held:g} s, group wait {timers.group_wait:g} s, "
        f"group interval {timers.group_interval:g} s (scaled)"
    )
    if heard.said is not None:
        evidence.observed(f"the receiver heard: {heard.said.annotations.get('summary', '')}")
    if heard.fire_seconds is not None:
        evidence.measure(f"{heard.alert} delivered", heard.fire_seconds, "s", objective=timers.fire.total_seconds())
    if heard.resolve_seconds is not None:
        evidence.measure(
            f"{heard.alert} resolved", heard.resolve_seconds, "s", objective=timers.resolve.total_seconds()
        )


@check(
    "ALR-QUIET-001",
    title="Each fault raises its expected alerts and no others",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Five alerts for one cause hide the cause, and teach people to look away.",
    remediation="Inhibit the consequences by their cause, and name the service an alert is about in its labels.",
)
@over("row", trials, reason=NO_ROWS, ids=_row)
def test_fault_raises_its_alerts_and_no_others(drilled: list[Trial], row: Expectation, evidence: Evidence) -> None:
    trial = next(one for one in drilled if one.expectation == row)
    arrived = {one.alert for one in trial.heard if one.fired}
    evidence.table(
        "Fault and alerts",
        ("fault", "expected", "arrived", "must be silent", "was not silent", "noise"),
        [
            (
                str(trial.fault),
                ", ".join(row.fires),
                ", ".join(sorted(arrived)),
                ", ".join(row.silent),
                "; ".join(trial.broken_silence),
                ", ".join(sorted(trial.noise)),
            )
        ],
    )

    assert arrived == set(row.fires), (
        f"{trial.fault}: {', '.join(sorted(arrived)) or 'nothing'} arrived, expected {', '.join(row.fires)}"
    )
    assert not trial.noise, (
        f"{trial.fault}: raised {', '.join(sorted(trial.noise))} too, which nothing in the drill expects"
    )
    assert not trial.broken_silence, (
        f"{trial.fault}: {'; '.join(trial.broken_silence)} was delivered, and must stay silent under this fault"
    )
