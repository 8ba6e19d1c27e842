"""Tells how containers are by their own checks, waits until all are well, and gives up early on what will not become so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from stack.driver import SERVICE_LABEL, Driver
from stack.errors import SeatrialError
from stack.waiting import eventually

WITHIN = timedelta(seconds=120)
#: How long a service may stay unhealthy (one that was sick before may be on its way back) and how often it may crash.
SICK_FOR_SECONDS = 30.0
CRASHES = 4
_ASK_EVERY = timedelta(milliseconds=250)
_WELL = frozenset({"healthy", "running"})
_GONE = frozenset({"exited", "dead"})


def service_of(attrs: Mapping[str, Any]) -> str:
    """Answer the compose service of an inspected container (its name, when it has none)."""
    labels = attrs["Config"].get("Labels") or {}
    return str(labels.get(SERVICE_LABEL) or attrs["Name"].lstrip("/"))


def health_of(attrs: Mapping[str, Any]) -> str:
    """Answer healthy, starting, unhealthy, running (no check), or the engine's word for what does not run."""
    status = str(attrs["State"]["Status"])
    if status != "running":
        return status
    return str((attrs["State"].get("Health") or {}).get("Status", "running"))


def is_well(health: str) -> bool:
    """Whether a service with this health works, as far as its own check can tell."""
    return health in _WELL


def await_health(driver: Driver, names: Sequence[str], *, within: timedelta = WITHIN) -> None:
    """Return when every named service is well.

    Raises:
        SeatrialError: one is gone, keeps crashing, stays unhealthy, or is not well in time; with its last words.
        CannotTell, NoEngine: the engine does not answer any more.

    """
    patience = _Patience()
    late: dict[str, str] = {}

    def all_well() -> bool:
        found = {service_of(attrs): attrs for attrs in driver.containers(all=True)}
        for name in names:
            if reason := patience.is_over(name, found.get(name)):
                message = f"{name} did not become healthy: {reason}, {_last_words(driver, found.get(name))}"
                raise SeatrialError(message)
        late.clear()
        late.update({name: health_of(found[name]) for name in names if not is_well(health_of(found[name]))})
        return not late

    try:
        eventually(all_well, within=within, every=_ASK_EVERY, what=f"{driver.project} is healthy")
    except AssertionError as error:
        told = ", ".join(f"{name} ({health})" for name, health in late.items())
        message = f"not healthy within {within.total_seconds():g} s: {told}"
        raise SeatrialError(message) from error


class _Patience:
    """Remembers since when a service is sick and how often it had restarted when first seen."""

    def __init__(self) -> None:
        self._sick_since: dict[str, float] = {}
        self._restarts: dict[str, int] = {}

    def is_over(self, name: str, attrs: Mapping[str, Any] | None) -> str | None:
        """Answer why waiting for the service is of no use any more; None while it is."""
        if attrs is None:
            return "its container is gone"
        health = health_of(attrs)
        if health in _GONE:
            return f"it {health}" if health == "exited" else f"it is {health}"
        restarts = int(attrs.get("RestartCount", 0))
        crashed = restarts - self._restarts.setdefault(name, restarts)
        if crashed >= CRASHES:
            return f"it crashed {crashed} times"
        if health != "unhealthy":
            self._sick_since.pop(name, None)
        elif time.monotonic() - self._sick_since.setdefault(name, time.monotonic()) > SICK_FOR_SECONDS:
            return f"it stayed unhealthy for {SICK_FOR_SECONDS:g} s"
        return None


def _last_words(driver: Driver, attrs: Mapping[str, Any] | None) -> str:
    if attrs is None:
        return "and said nothing"
    probes = (attrs["State"].get("Health") or {}).get("Log") or []
    lines = driver.logs(attrs["Id"], tail=5).strip().splitlines()
    said = lines[-1] if lines else (probes[-1]["Output"].strip() if probes else "")
    return f"and last said: {said[-300:]}" if said else "and said nothing"
