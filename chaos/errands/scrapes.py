"""Whether Prometheus sees everybody, and whether what it tells of them is true: a watcher that is cut off must not cry wolf."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.http import Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack


def sees_everybody() -> Probe:
    """Every target's last scrape succeeded."""

    def complaint(stack: Stack) -> str | None:
        try:
            targets = stack.prometheus.targets()
        except (CannotTell, Refused) as error:
            return str(error)
        down = sorted({target.job for target in targets if not target.is_up})
        return f"no scrape of {', '.join(down)}" if down else None if targets else "it has no target"

    return Probe("Prometheus sees all of its targets", complaint)


def fires_nothing(alert: str) -> Probe:
    """The alert of that name is not firing."""

    def complaint(stack: Stack) -> str | None:
        try:
            about = _about(stack, alert, "firing")
        except (CannotTell, Refused) as error:
            return str(error)
        return f"{alert} fires about {', '.join(about)}" if about else None

    return Probe(f"{alert} does not fire", complaint)


def condition_holds(alert: str, *, within: timedelta) -> Probe:
    """What the alert of that name waits for has come: it is pending, or fires already."""

    def complaint(stack: Stack) -> str | None:
        try:
            about = _about(stack, alert, "pending", "firing")
        except (CannotTell, Refused) as error:
            return str(error)
        return None if about else f"{alert} is neither pending nor firing"

    return Probe(f"{alert} would fire if it went on", complaint, within)


def _about(stack: Stack, alert: str, *states: str) -> list[str]:
    """The services that the alert is about, where it is in one of the states."""
    found = (one for one in stack.prometheus.alerts() if one.name == alert and one.state in states)
    return sorted({one.labels.get("service", "") for one in found})
