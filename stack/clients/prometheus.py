"""Asks Prometheus what it knows: values, series, targets, rules and alerts, as plain data with times in UTC.

By requests and not by prometheus-api-client: that rounds a range to whole seconds (drills are scaled below one), drops the
result's type and the status that tells a refused query from a broken server, retries by itself, and knows neither rules nor
alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stack.clients.http import JsonService, Refused
from stack.errors import SeatrialError


class QueryRefused(SeatrialError):
    """Prometheus does not understand, or does not carry out, a query."""


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True)
class Series:
    """The values of one series over a range."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The values alone."""
        return tuple(value for _, value in self.points)


@dataclass(frozen=True)
class Target:
    """Something Prometheus scrapes."""

    job: str
    instance: str
    labels: Mapping[str, str]
    health: str  # up, down, unknown
    url: str
    last_error: str
    last_scrape: datetime | None
    scrape_seconds: float

    @property
    def is_up(self) -> bool:
        """Whether the last scrape succeeded."""
        return self.health == "up"


@dataclass(frozen=True)
class Rule:
    """A loaded rule; `kind` is alerting or recording."""

    kind: str
    name: str
    expression: str
    group: str
    file: str
    for_seconds: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str | None  # firing, pending, inactive; None for recording rules
    health: str
    last_error: str


@dataclass(frozen=True)
class ActiveAlert:
    """An alert that is pending or firing inside Prometheus."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    active_at: datetime
    value: float


class Prometheus:
    """A Prometheus at a URL. Every call raises CannotTell when it does not answer."""

    def __init__(self, url: str) -> None:
        """Ask below `url`."""
        self._service = JsonService(url)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._service.url

    def query(self, expression: str, *, at: datetime | None = None) -> list[Sample]:
        """The instant value of each series; a scalar is one sample without labels. Raises QueryRefused."""
        data = self._query("/api/v1/query", query=expression, time=at.timestamp() if at else None)
        if data["resultType"] in ("scalar", "string"):
            return [Sample({}, float(data["result"][1]), _time(data["result"][0]))]
        return [Sample(entry["metric"], float(entry["value"][1]), _time(entry["value"][0])) for entry in data["result"]]

    def value(self, expression: str, *, at: datetime | None = None) -> float | None:
        """The one value of an expression; None when there is no series. Raises QueryRefused when there are several."""
        found = self.query(expression, at=at)
        if len(found) > 1:
            message = f"{expression} gives {len(found)} series, expected one"
            raise QueryRefused(message)
        return found[0].value if found else None

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> list[Series]:
        """The values of each series between two moments. Raises QueryRefused."""
        data = self._query(
            "/api/v1/query_range",
            query=expression,
            start=start.timestamp(),
            end=end.timestamp(),
            step=step.total_seconds(),
        )
        return [
            Series(entry["metric"], tuple((_time(at), float(value)) for at, value in entry["values"]))
            for entry in data["result"]
        ]

    def series(self, *selectors: str, since: datetime | None = None) -> list[dict[str, str]]:
        """The label sets that match a selector. Raises QueryRefused."""
        params: dict[str, Any] = {"match[]": list(selectors)}
        if since:
            params["start"] = since.timestamp()
        return list(self._query("/api/v1/series", **params))

    def label_values(self, label: str, *selectors: str) -> list[str]:
        """The values a label has."""
        return list(self._query(f"/api/v1/label/{label}/values", **({"match[]": list(selectors)} if selectors else {})))

    def metric_names(self) -> list[str]:
        """The name of every metric it holds."""
        return self.label_values("__name__")

    def metadata(self) -> dict[str, list[dict[str, str]]]:
        """Type, help and unit by metric."""
        return dict(self._query("/api/v1/metadata"))

    def targets(self) -> list[Target]:
        """The active targets."""
        return [_target(entry) for entry in self._query("/api/v1/targets", state="active")["activeTargets"]]

    def rules(self) -> list[Rule]:
        """Every loaded rule."""
        groups = self._query("/api/v1/rules")["groups"]
        return [_rule(entry, group) for group in groups for entry in group["rules"]]

    def alerts(self) -> list[ActiveAlert]:
        """The pending and firing alerts."""
        return [_alert(entry) for entry in self._query("/api/v1/alerts")["alerts"]]

    def firing(self) -> set[str]:
        """The names of the firing alerts."""
        return {alert.name for alert in self.alerts() if alert.state == "firing"}

    def alertmanagers(self) -> list[str]:
        """The Alertmanagers it sends to."""
        return [entry["url"] for entry in self._query("/api/v1/alertmanagers")["activeAlertmanagers"]]

    def config(self) -> str:
        """The loaded configuration, as YAML."""
        return str(self._query("/api/v1/status/config")["yaml"])

    def flags(self) -> dict[str, str]:
        """The command line flags by name."""
        return dict(self._query("/api/v1/status/flags"))

    def is_ready(self) -> bool:
        """Whether it says that it serves."""
        try:
            self._service.ask("GET", "/-/ready")
        except Refused:
            return False
        return True

    def _query(self, path: str, **params: Any) -> Any:
        try:
            return self._service.get(path, **params)["data"]
        except Refused as error:
            if error.status in (400, 422):
                message = f"Prometheus refuses {params.get('query', path)}: {error.body[:200]}"
                raise QueryRefused(message) from error
            raise


def _time(seconds: float | str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def moment(text: str) -> datetime | None:
    """A time as Go's JSON writes it (nanoseconds); None for its zero."""
    if text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{whole}.{rest[:digits][:6]}{rest[digits:]}"
    return datetime.fromisoformat(text)


def _target(entry: dict[str, Any]) -> Target:
    return Target(
        job=entry["labels"].get("job", ""),
        instance=entry["labels"].get("instance", ""),
        labels=entry["labels"],
        health=entry["health"],
        url=entry["scrapeUrl"],
        last_error=entry.get("lastError", ""),
        last_scrape=moment(entry.get("lastScrape", "0001-")),
        scrape_seconds=float(entry.get("lastScrapeDuration", 0)),
    )


def _rule(entry: dict[str, Any], group: dict[str, Any]) -> Rule:
    return Rule(
        kind=entry["type"],
        name=entry["name"],
        expression=entry["query"],
        group=group["name"],
        file=group["file"],
        for_seconds=float(entry.get("duration", 0)),
        labels=entry.get("labels") or {},
        annotations=entry.get("annotations") or {},
        state=entry.get("state"),
        health=entry.get("health", "unknown"),
        last_error=entry.get("lastError", ""),
    )


def _alert(entry: dict[str, Any]) -> ActiveAlert:
    return ActiveAlert(
        name=entry["labels"]["alertname"],
        state=entry["state"],
        labels=entry["labels"],
        annotations=entry.get("annotations") or {},
        active_at=moment(entry["activeAt"]) or datetime.fromtimestamp(0, UTC),
        value=float(entry["value"]),
    )
