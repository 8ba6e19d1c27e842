"""Every service is killed as a crash would kill it: it must come back by itself, and nobody else may notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.errors import CannotTell
from suites.check import Area, Evidence, Impact, Level, Severity, check, over
from suites.failover.recovery import Recovery, Thaw, subjects

if TYPE_CHECKING:
    from chaos.sampling import Series
    from stack.model import Service, Stack


@check(
    "FLV-SVC-001",
    title="Each service killed or paused recovers within its objective while what must serve serves",
    area=Area.FAILOVER,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A process dies sooner or later: at night, of memory, of a bug. What comes back by itself wakes nobody.",
    remediation="Give the service a restart policy and a health check that its dependants can wait for; let dependants retry.",
)
@over(
    "service",
    subjects,
    reason="nobody promised a recovery: `[services.NAME] recovery_seconds = …` in a profile would enable it",
)
def test_service_recovers_by_itself(stack: Stack, service: Service, recovery: Recovery, evidence: Evidence) -> None:
    promised = stack.profile.recovery(service.name)
    assert promised is not None
    objective = promised.total_seconds()
    evidence.declared(f"restart: {service.restart or 'none'}", stack.where("services", service.name))
    evidence.observed(
        f"killed together with {len(recovery.together) - 1} others; the engine's policy restarted it {recovery.restarts} times"
    )
    for name, series in recovery.outages:
        evidence.observed(
            f"meanwhile {name}: {len(series.samples)} answers, {series.failures} wrong, longest outage {series.longest_outage:.2f} s"
        )
    if recovery.edge is not None:
        evidence.measure("Edge not serving", recovery.edge.longest_outage, "s")
    if recovery.thaw is not None:
        evidence.measure(f"{service.name} well again after a pause", recovery.thaw.seconds, "s", objective=objective)
    if recovery.seconds is not None:
        evidence.measure(f"Recovery of {service.name}", recovery.seconds, "s", objective=objective)

    assert recovery.seconds is not None, f"{service.name}: was not back {objective:g} s after its process was killed"
    assert recovery.seconds <= objective, (
        f"{service.name}: was back after {recovery.seconds:.1f} s, expected {objective:g} s"
    )
    assert not recovery.foreign, (
        f"{service.name}: did not recover by itself, the engine was asked to {', '.join(recovery.foreign)}"
    )
    assert recovery.restarts >= 1, f"{service.name}: runs again, but not by its restart policy (its count did not grow)"
    broken = [
        f"{name}: not for {s.longest_outage:.2f} s ({s.first_complaint()})"
        for name, s in recovery.outages
        if s.failures
    ]
    assert not broken, f"while {', '.join(recovery.together)} was away: {'; '.join(broken)}"
    for name, series in recovery.outages:
        require_asked(name, series)
    assert not (
        complaint := after_a_pause(
            service.name, stack.profile.service(service.name).must_serve, recovery.thaw, objective
        )
    ), complaint


def require_asked(probe: str, series: Series) -> None:
    """CannotTell when nothing was asked: no answer is not a good one."""
    if not series.samples:
        raise CannotTell(f"{probe}: was never asked")


def after_a_pause(name: str, must_serve: Sequence[str], thaw: Thaw | None, objective: float) -> str:
    """What went wrong when the service was frozen for a moment; empty when nothing did, or it was not frozen."""
    if thaw is None:
        return ""
    if thaw.seconds > objective:
        return f"{name}: was well again {thaw.seconds:.1f} s after a pause, expected {objective:g} s"
    broken = [
        f"{probe}: not for {s.longest_outage:.2f} s ({s.first_complaint()})"
        for word, probe, s in thaw.outages
        if s.failures and word in must_serve
    ]
    if broken:
        return f"while {name} was frozen: {'; '.join(broken)}"
    for word, probe, series in thaw.outages:
        if word in must_serve:
            require_asked(probe, series)
    return ""
