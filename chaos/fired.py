"""Which alerts fired while something was broken, as Prometheus remembers it: for the picture, and never judged here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stack.clients.http import Refused
from stack.errors import CannotTell, SeatrialError

if TYPE_CHECKING:
    from stack.model import Stack

_STEP = timedelta(seconds=1)
_QUERY = 'ALERTS{alertstate="firing"}'


def alerts_between(stack: Stack, began: datetime, seconds: float) -> list[dict[str, Any]]:
    """Each alert that fired, from when to when in seconds since `began` (None: it still did); the dead man's switch is left out.

    Raises CannotTell when Prometheus can't be asked, or the stack has none.
    """
    watchdog = getattr(stack.profile.alerts, "watchdog", None)
    try:
        series = stack.prometheus.query_range(_QUERY, began, began + timedelta(seconds=seconds), _STEP)
    except (SeatrialError, Refused) as error:
        raise CannotTell(f"which alerts fired is not known: {error}") from error
    found = []
    for one in series:
        name = str(one.labels.get("alertname", ""))
        about = one.labels.get("service") or one.labels.get("instance") or ""
        if name == watchdog or not one.points:
            continue
        times = [(at - began).total_seconds() for at, _ in one.points]
        still = seconds - times[-1] < 2 * _STEP.total_seconds()
        found.append(
            {"text": f"{name} {about}".strip(), "from_seconds": times[0], "to_seconds": None if still else times[-1]}
        )
    return sorted(found, key=lambda span: (span["from_seconds"], span["text"]))
