"""Asks Alertmanager what it holds and where it sends it (API v2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stack.clients.http import JsonService, Refused
from stack.clients.prometheus import moment


@dataclass(frozen=True)
class HeldAlert:
    """An alert that Alertmanager holds."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str  # active, suppressed, unprocessed
    receivers: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    silenced_by: tuple[str, ...]
    starts_at: datetime | None
    fingerprint: str


@dataclass(frozen=True)
class Silence:
    """A silence that Alertmanager knows of, ended ones included for as long as it remembers them."""

    id: str
    matchers: Mapping[str, str]
    author: str
    comment: str
    is_active: bool
    ends_at: datetime | None


class Alertmanager:
    """An Alertmanager at a URL. Every call raises CannotTell when it does not answer, Refused when it refuses."""

    def __init__(self, url: str) -> None:
        """Ask below `url`."""
        self._service = JsonService(url)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._service.url

    def alerts(self, *matchers: str) -> list[HeldAlert]:
        """The alerts it holds, suppressed ones included; matchers as `alertname="X"`."""
        listed = self._service.get("/api/v2/alerts", filter=list(matchers) or None)
        return [_held(entry) for entry in listed]

    def groups(self) -> list[dict[str, Any]]:
        """The alerts by group, as they are notified together."""
        return list(self._service.get("/api/v2/alerts/groups"))

    def receivers(self) -> list[str]:
        """The configured receivers."""
        return [entry["name"] for entry in self._service.get("/api/v2/receivers")]

    def config(self) -> str:
        """The loaded configuration, as YAML with secrets hidden."""
        return str(self._service.get("/api/v2/status")["config"]["original"])

    def post(
        self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None, *, lasting: timedelta
    ) -> None:
        """Raise an alert of one's own, which ends by itself."""
        now = datetime.now(UTC)
        alert = {
            "labels": dict(labels),
            "annotations": dict(annotations or {}),
            "startsAt": now.isoformat(),
            "endsAt": (now + lasting).isoformat(),
        }
        self._service.ask("POST", "/api/v2/alerts", json=[alert])

    def silence(self, matchers: Mapping[str, str], *, lasting: timedelta, author: str, comment: str) -> str:
        """Silence what matches exactly; returns the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": k, "value": v, "isRegex": False, "isEqual": True} for k, v in matchers.items()],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasting).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        answer = self._service.ask("POST", "/api/v2/silences", json=body)
        return str(self._service.json(answer)["silenceID"])

    def silences(self) -> list[Silence]:
        """Every silence, active, pending and expired."""
        return [
            Silence(
                id=str(entry["id"]),
                matchers={one["name"]: one["value"] for one in entry["matchers"]},
                author=str(entry["createdBy"]),
                comment=str(entry["comment"]),
                is_active=entry["status"]["state"] == "active",
                ends_at=moment(entry["endsAt"]),
            )
            for entry in self._service.get("/api/v2/silences")
        ]

    def unsilence(self, silence_id: str) -> None:
        """End a silence."""
        self._service.ask("DELETE", f"/api/v2/silence/{silence_id}")

    def is_ready(self) -> bool:
        """Whether it says that it serves."""
        try:
            self._service.ask("GET", "/-/ready")
        except Refused:
            return False
        return True


def _held(entry: dict[str, Any]) -> HeldAlert:
    status: dict[str, Iterable[str]] = entry["status"]
    return HeldAlert(
        name=entry["labels"].get("alertname", ""),
        labels=entry["labels"],
        annotations=entry.get("annotations") or {},
        state=str(entry["status"]["state"]),
        receivers=tuple(receiver["name"] for receiver in entry.get("receivers", ())),
        inhibited_by=tuple(status.get("inhibitedBy") or ()),
        silenced_by=tuple(status.get("silencedBy") or ()),
        starts_at=moment(entry["startsAt"]),
        fingerprint=entry["fingerprint"],
    )
