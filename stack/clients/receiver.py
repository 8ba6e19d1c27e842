"""Asks the alert receiver what was delivered to it, and when: the only proof that an alert arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stack.clients.http import JsonService, Refused
from stack.clients.prometheus import moment


@dataclass(frozen=True)
class DeliveredAlert:
    """One alert of a delivered message."""

    name: str
    status: str  # firing, resolved
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    fingerprint: str


@dataclass(frozen=True)
class Delivery:
    """One message of Alertmanager, as it was kept."""

    received_at: datetime
    status: str
    receiver: str
    group_key: str
    alerts: tuple[DeliveredAlert, ...]
    raw: Mapping[str, Any]


class Receiver:
    """The alert receiver at a URL. Every call raises CannotTell when it does not answer."""

    def __init__(self, url: str) -> None:
        """Ask below `url`."""
        self._service = JsonService(url)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._service.url

    def deliveries(self, since: datetime | None = None) -> list[Delivery]:
        """What arrived at or after `since`, oldest first."""
        listed = self._service.get("/deliveries", since=since.timestamp() if since else 0)
        return [_delivery(entry) for entry in listed]

    def alerts(
        self, since: datetime | None = None, *, name: str | None = None, status: str | None = None
    ) -> list[tuple[datetime, DeliveredAlert]]:
        """The alerts delivered since, each with its arrival, oldest first."""
        return [
            (delivery.received_at, alert)
            for delivery in self.deliveries(since)
            for alert in delivery.alerts
            if name in (None, alert.name) and status in (None, alert.status)
        ]

    def watchdog(self) -> dict[str, Any]:
        """What it knows of the alert that must keep coming."""
        return dict(self._service.get("/watchdog"))

    def is_healthy(self) -> bool:
        """Whether it says that it can keep deliveries."""
        try:
            self._service.ask("GET", "/health")
        except Refused:
            return False
        return True


def _delivery(entry: dict[str, Any]) -> Delivery:
    return Delivery(
        received_at=datetime.fromtimestamp(float(entry["received_at"]), UTC),
        status=entry["status"],
        receiver=entry.get("receiver", ""),
        group_key=entry.get("groupKey", ""),
        alerts=tuple(_alert(alert) for alert in entry.get("alerts", ())),
        raw=entry,
    )


def _alert(entry: dict[str, Any]) -> DeliveredAlert:
    return DeliveredAlert(
        name=entry["labels"].get("alertname", ""),
        status=entry["status"],
        labels=entry["labels"],
        annotations=entry.get("annotations") or {},
        starts_at=moment(entry["startsAt"]),
        fingerprint=entry.get("fingerprint", ""),
    )
