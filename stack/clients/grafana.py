"""Asks Grafana which dashboards it has, as its administrator."""

from __future__ import annotations

from dataclasses import dataclass

from requests.auth import HTTPBasicAuth

from stack.clients.http import JsonService


@dataclass(frozen=True)
class ShownDashboard:
    """A dashboard that Grafana has."""

    uid: str
    title: str
    is_provisioned: bool
    """From a file, and not made by hand."""


class Grafana:
    """A Grafana at a URL. Every call raises CannotTell when it does not answer, Refused when it refuses."""

    def __init__(self, url: str, *, user: str, password: str) -> None:
        """Ask below `url`."""
        self._service = JsonService(url, auth=HTTPBasicAuth(user, password))

    def dashboards(self) -> list[ShownDashboard]:
        """Every dashboard (HTTP API, folder/dashboard search; one more question each for where it comes from)."""
        found = []
        for entry in self._service.get("/api/search", type="dash-db", limit=5000):
            meta = self._service.get(f"/api/dashboards/uid/{entry['uid']}")["meta"]
            found.append(ShownDashboard(entry["uid"], entry["title"], bool(meta.get("provisioned"))))
        return found
