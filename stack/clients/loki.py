"""Asks Loki for log lines. It never pushes one: a line that a check put there itself proves nothing about shipping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stack.clients.http import JsonService, Refused
from stack.errors import SeatrialError


class LogQueryRefused(SeatrialError):
    """Loki does not understand, or does not carry out, a query."""


@dataclass(frozen=True)
class Line:
    """One log line. `at_ns` is its time in nanoseconds since 1970, as Loki keeps it."""

    at_ns: int
    text: str
    labels: Mapping[str, str]

    @property
    def at(self) -> datetime:
        """Its time, to the microsecond."""
        return datetime.fromtimestamp(self.at_ns // 1000 / 1e6, UTC)


class Loki:
    """A Loki at a URL. Every call raises CannotTell when it does not answer."""

    def __init__(self, url: str) -> None:
        """Ask below `url`."""
        self._service = JsonService(url)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._service.url

    def query_range(
        self, query: str, *, start: datetime | None = None, end: datetime | None = None, limit: int = 1000
    ) -> list[Line]:
        """The lines that match, oldest first; by default of the last hour. Raises LogQueryRefused."""
        until = end or datetime.now(UTC) + timedelta(seconds=1)
        since = start or until - timedelta(hours=1)
        try:
            data = self._service.get(
                "/loki/api/v1/query_range",
                query=query,
                start=_nano(since),
                end=_nano(until),
                limit=limit,
                direction="forward",
            )["data"]
        except Refused as error:
            if error.status == 400:
                message = f"Loki refuses {query}: {error.body[:200]}"
                raise LogQueryRefused(message) from error
            raise
        lines = [
            Line(int(at), text, stream["stream"]) for stream in data["result"] for at, text, *_ in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.at_ns)

    def measure(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """The instant value of each series of a metric query (`rate(…)`, `count_over_time(…)`). Raises LogQueryRefused."""
        try:
            data = self._service.get("/loki/api/v1/query", query=query)["data"]
        except Refused as error:
            if error.status == 400:
                message = f"Loki refuses {query}: {error.body[:200]}"
                raise LogQueryRefused(message) from error
            raise
        if data["resultType"] != "vector":
            message = f"{query} is no metric query: it gives {data['resultType']}"
            raise LogQueryRefused(message)
        return [(entry["metric"], float(entry["value"][1])) for entry in data["result"]]

    def labels(self) -> list[str]:
        """The label names there are."""
        return list(self._service.get("/loki/api/v1/labels").get("data") or [])

    def label_values(self, label: str) -> list[str]:
        """The values a label has."""
        return list(self._service.get(f"/loki/api/v1/label/{label}/values").get("data") or [])

    def is_ready(self) -> bool:
        """Whether it says that it serves."""
        try:
            self._service.ask("GET", "/ready")
        except Refused:
            return False
        return True


def _nano(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
