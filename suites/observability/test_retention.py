"""Logs are kept for a while and not for ever: a store without an end fills its disk, and keeps what it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stack.located import Where
from stack.timescale import milliseconds
from suites.check import Area, Evidence, Impact, Level, Severity, check, over
from suites.observability.loki_settings import settings_of

if TYPE_CHECKING:
    from stack.model import Service, Stack


def _stores(stack: Stack) -> list[Service]:
    return list(stack.by_role("logs"))


@check(
    "OBS-LOG-003",
    title="Log retention is set and bounded",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Logs that are never deleted end with a full disk, and hold personal data for longer than anybody may.",
    remediation="Set limits_config.retention_period, and compactor.retention_enabled, without which it is only a number.",
)
@over(
    "store", _stores, reason='the stack has no log store: `[services.NAME] role = "logs"` in a profile would name one'
)
def test_log_retention_is_set_and_bounded(store: Service, evidence: Evidence) -> None:
    file, settings = settings_of(store)

    said = (settings.get("limits_config") or {}).get("retention_period")
    evidence.declared(f"retention_period: {said}, streams of their own: {len(_streams(settings))}", Where(file, 1))
    wrong = unbounded(settings)
    assert not wrong, f"{store.name} ({file.name}): " + "; ".join(wrong)


def unbounded(settings: dict[str, Any]) -> list[str]:
    """Why lines may be kept for ever (Loki's configuration reference, `limits_config` and `compactor`): sentences."""
    found = []
    if not (settings.get("compactor") or {}).get("retention_enabled"):
        found.append("compactor.retention_enabled is not true, so nothing is ever deleted")
    if not _ends((settings.get("limits_config") or {}).get("retention_period")):
        found.append("limits_config.retention_period is not set, so lines are kept for ever")
    found += [
        f"the streams {one.get('selector', '')} are kept for ever"
        for one in _streams(settings)
        if not _ends(one.get("period"))
    ]
    return found


def _streams(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return list((settings.get("limits_config") or {}).get("retention_stream") or [])


def _ends(period: object) -> bool:
    """Whether a period is one: absent and zero mean for ever."""
    return bool(period) and milliseconds(str(period)) > 0
