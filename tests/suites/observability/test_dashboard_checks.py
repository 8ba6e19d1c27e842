"""OBS-DASH-001 and 002: a panel that is empty, frozen, refused or in the wrong unit is found, and so is a file that nobody took."""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from stack.clients.grafana import Grafana, ShownDashboard
from stack.clients.http import Refused
from stack.clients.prometheus import QueryRefused, Sample
from suites.check import Evidence
from suites.observability import panel_answers
from suites.observability.dashboards import Dashboard, Panel, dashboards_of, read
from suites.observability.panel_answers import Seen, look
from suites.observability.panel_units import wrong_unit
from suites.observability.test_dashboards import test_every_panel_shows_something as the_panel_check
from suites.observability.test_dashboards import unprovisioned

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "stack" / "config" / "grafana" / "dashboards"
METRICS = ROOT / "stack" / "images" / "server" / "marketplace_server" / "metrics.py"


def shipped() -> list[Dashboard]:
    found = [read(file) for file in sorted(FOLDER.glob("*.json"))]
    return [one for one in found if one]


@pytest.mark.parametrize("dashboard", shipped(), ids=lambda one: one.name)
def test_the_references_panels_say_what_moves_them_and_are_in_their_units(dashboard: Dashboard) -> None:
    assert dashboard.panels
    for panel in dashboard.panels:
        assert panel.stimulus, panel.title
        assert [why for query in panel.queries if (why := wrong_unit(panel.unit, query))] == [], panel.title


def test_the_six_of_the_design_are_there() -> None:
    assert sorted(one.title for one in shipped()) == ["Alerts & SLO", "Escrow", "HTTP", "Logs", "System", "Wallets"]


def test_every_escrow_metric_of_the_server_is_on_a_panel() -> None:
    names = re.findall(r'"((?:escrow|settlements)_[a-z_]+)"', METRICS.read_text())
    asked = " ".join(query for one in shipped() for panel in one.panels for query in panel.queries)

    assert len(names) > 8
    assert [name for name in names if name not in asked] == []


@pytest.mark.parametrize(
    ("unit", "query", "says"),
    [
        ("s", "histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[1m])))", None),
        ("s", "time() - a_timestamp_seconds", None),
        ("s", "a_bytes", "no metric of it is in seconds"),
        ("s", "rate(a_seconds_count[1m])", "no metric of it is in seconds"),
        ("bytes", "a_bytes", None),
        ("bytes", "rate(a_bytes_total[1m])", "shown in bytes, which it is not"),
        ("Bps", "sum(rate(a_bytes_total[1m]))", None),
        ("Bps", "a_bytes_total", "bytes per second, which it is not"),
        ("ops", "sum(rate(a_total[5m]))", None),
        ("reqps", "a_total", "is no rate"),
        ("percentunit", "a / b", None),
        ("percentunit", '1 - avg(rate(cpu_seconds_total{mode="idle"}[1m]))', None),
        ("percentunit", "a", "shown as a share, and is none"),
        ("", "a_bytes", "is in bytes, and is shown without a unit"),
        ("", "a_seconds", "is in seconds, and is shown without a unit"),
        ("", "histogram_quantile(0.9, rate(a_seconds_bucket[1m]))", "shown without a unit"),
        ("", "a_seconds / 86400", None),
        ("", "a", None),
        ("furlongs", "a_bytes", None),
    ],
)
def test_a_unit_is_that_of_the_values(unit: str, query: str, says: str | None) -> None:
    found = wrong_unit(unit, query)

    assert (found is None) if says is None else (found is not None and says in found)


def panel(query: str, stimulus: str = "time", unit: str = "", store: str = "prometheus") -> Panel:
    return Panel("A panel", store, (query,), unit, stimulus)


class Store:
    """A Prometheus that knows one gauge that moves and one that stands still."""

    def __init__(self) -> None:
        self.asked = 0

    def query(self, expression: str) -> list[Sample]:
        self.asked += 1
        at = datetime.now(UTC)
        if expression == "broken(":
            raise QueryRefused("Prometheus refuses broken(")
        values = {"moves": float(self.asked), "stands": 1.0, "vector(0)": 0.0, "nan": math.nan}
        return [Sample({"a": "b"}, values[expression], at)] if expression in values else []

    def metric_names(self) -> list[str]:
        return ["moves", "stands", "nan"]

    def metadata(self) -> dict[str, Any]:
        return {"quiet_total": []}

    def config(self) -> str:
        return "global: {scrape_interval: 50ms, scrape_timeout: 50ms}\nscrape_configs: [{job_name: a}]"


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (panel("moves"), None),
        (panel("stands", "faults"), None),
        (panel("stands"), "did not change with time"),
        (panel("vector(0)"), "did not change with time"),
        (panel("nan"), "has no data"),
        (panel("quiet_total", "faults"), "has no data"),
        (panel("broken("), "Prometheus refuses broken("),
        (panel("invented"), "there is no metric invented"),
        (panel("moves", ""), "does not say what it changes with"),
        (panel("moves", unit="reqps"), "is no rate"),
        (Panel("A panel", "prometheus", (), "", "time"), "asks nothing"),
    ],
)
def test_a_panel_is_judged_by_what_it_shows(monkeypatch: pytest.MonkeyPatch, one: Panel, says: str | None) -> None:
    monkeypatch.setattr(panel_answers, "_stimulate", lambda _stack: [])
    monkeypatch.setattr(panel_answers, "_EVERY", timedelta(milliseconds=20))
    stack: Any = SimpleNamespace(prometheus=Store())
    dashboard = Dashboard("u", "D", (one,), Path("d.json"))

    seen = look(stack, [dashboard])

    if says is None:
        the_panel_check(seen, dashboard, Evidence())
    else:
        with pytest.raises(AssertionError) as failure:
            the_panel_check(seen, dashboard, Evidence())
        assert says in str(failure.value)


def test_a_dashboard_without_panels_fails() -> None:
    with pytest.raises(AssertionError, match=r"d.json: has no panel"):
        the_panel_check({"d": []}, Dashboard("u", "D", (), Path("d.json")), Evidence())


def test_panels_in_folded_rows_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    target = {"expr": "up"}
    inner = {"title": "In", "datasource": {"type": "loki"}, "targets": [target], "description": "Lines. Changes with: log lines."}
    (tmp_path / "a.json").write_text(json.dumps({"uid": "a", "title": "A", "panels": [{"type": "row", "panels": [inner]}]}))
    (tmp_path / "b.json").write_text("[]")
    (tmp_path / "c.json").write_text("{")
    volumes = [{"type": "bind", "source": str(tmp_path)}, {"type": "volume", "source": "data"}]
    stack: Any = SimpleNamespace(
        by_role=lambda _role: [],  # left out by name: its files are there all the same
        profile=SimpleNamespace(dashboards=SimpleNamespace(service="shows")),
        rendered={"services": {"shows": {"volumes": volumes}, "other": {}}},
    )

    (found,) = dashboards_of(stack)

    assert found.panels == (Panel("In", "loki", ("up",), "", "log lines"),)


def test_what_stood_still_and_has_no_stimulus_of_ours_is_not_called_frozen() -> None:
    assert Seen(panel("stands", "faults"), has_data=True).complaints() == []


# ── OBS-DASH-001, against a small fake of Grafana's API ─────────────────────────────────────────────────────────────────


@pytest.fixture
def grafana() -> Iterator[str]:
    secret = "Basic " + b64encode(b"admin:right").decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers: dict[str, Any] = {
                "/api/search": [{"uid": "one", "title": "One"}, {"uid": "two", "title": "Two"}],
                "/api/dashboards/uid/one": {"meta": {"provisioned": True}, "dashboard": {}},
                "/api/dashboards/uid/two": {"meta": {}, "dashboard": {}},
            }
            allowed = self.headers.get("Authorization") == secret
            body = json.dumps(answers[self.path.partition("?")[0]] if allowed else {"message": "no"}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_grafana_tells_its_dashboards_and_which_are_files(grafana: str) -> None:
    assert Grafana(grafana, user="admin", password="right").dashboards() == [
        ShownDashboard("one", "One", is_provisioned=True),
        ShownDashboard("two", "Two", is_provisioned=False),
    ]


def test_grafana_refuses_a_wrong_password(grafana: str) -> None:
    with pytest.raises(Refused, match="answered 401"):
        Grafana(grafana, user="admin", password="wrong").dashboards()


def test_files_that_grafana_has_not_taken_are_named() -> None:
    shown = [ShownDashboard(one.uid, one.title, is_provisioned=True) for one in shipped()]

    assert unprovisioned(shown, shipped()) == []
    assert unprovisioned(shown[1:], shipped()) == [
        "alerts.json (Alerts & SLO) is not among them",
        "5 dashboards are provisioned, expected 6 or more",
    ]
    assert "0 dashboards are provisioned" in unprovisioned([ShownDashboard("x", "By hand", is_provisioned=False)] * 9, [])[0]
