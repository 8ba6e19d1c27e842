"""An alert raised while nobody can take its message, and the message looked for once somebody can."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_LASTING = timedelta(minutes=1)
_TRIED_WITHIN = timedelta(seconds=15)
"""A critical alert waits 5 s for others of its group before its first message (stack/config/alertmanager)."""
_FAILED = "alertmanager_notification_requests_failed_total"


@dataclass
class _Raised:
    service: str
    """A name of its own in the group's labels, so that no earlier message counts for it."""
    at: datetime
    failed: float
    """Messages that could not be delivered until then."""


@dataclass
class RaisedAlert:
    """One alert a run and project. What it asks beforehand is about the run before it, or about nothing."""

    _raised: dict[str, _Raised] = field(default_factory=dict)

    @property
    def raised(self) -> Probe:
        """Alertmanager accepts the alert."""
        return Probe("an alert is raised", self._raise)

    @property
    def tried(self) -> Probe:
        """Alertmanager has tried to deliver something, in vain."""
        return Probe("Alertmanager tries in vain to tell somebody", self._not_tried, _TRIED_WITHIN)

    @property
    def told(self) -> Probe:
        """The receiver has the message of the alert that was raised."""
        return Probe("what was raised is told", self._untold)

    def _raise(self, stack: Stack) -> str | None:
        service = f"experiment-{secrets.token_hex(4)}"
        labels = {"alertname": "SeatrialExperiment", "severity": "critical", "service": service}
        self._raised[stack.project] = _Raised(service, datetime.now(UTC), _failed(stack))
        summary = "Raised by an experiment while the receiver is away; it ends by itself"
        stack.alertmanager.post(labels, {"summary": summary}, lasting=_LASTING)
        return None

    def _not_tried(self, stack: Stack) -> str | None:
        since = self._raised[stack.project].failed
        return None if _failed(stack) > since else "no message failed yet"

    def _untold(self, stack: Stack) -> str | None:
        raised = self._raised.get(stack.project)
        if raised is None:
            return None
        arrived = stack.receiver.alerts(raised.at, name="SeatrialExperiment")
        if any(alert.labels.get("service") == raised.service for _, alert in arrived):
            return None
        return f"the alert raised at {raised.at:%H:%M:%S} did not arrive"


def _failed(stack: Stack) -> float:
    import requests
    from prometheus_client.parser import text_string_to_metric_families

    try:
        answer = requests.get(f"{stack.alertmanager.url}/metrics", timeout=5)
    except requests.RequestException as error:
        raise CannotTell(f"Alertmanager's own metrics can't be read: {type(error).__name__}") from error
    families = text_string_to_metric_families(answer.text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == _FAILED)
