"""Dashboards are files that name their sources, ask real questions, and fall on nobody's default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.project import ROOT

GRAFANA = ROOT / "stack" / "config" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
SOURCES = {
    source["uid"]
    for source in yaml.safe_load((GRAFANA / "provisioning/datasources/datasources.yaml").read_text())["datasources"]
}


def load(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_there_are_the_six_and_no_two_share_an_id() -> None:
    boards = [load(file) for file in FILES]

    assert {board["title"] for board in boards} == {"Alerts & SLO", "Escrow", "HTTP", "Logs", "System", "Wallets"}
    assert len({board["uid"] for board in boards}) == len(boards)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_names_a_provisioned_source_and_asks_something(file: Path) -> None:
    for panel in load(file)["panels"]:
        assert panel["datasource"]["uid"] in SOURCES, panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_query_hides_missing_data(file: Path) -> None:
    queries = [target["expr"] for panel in load(file)["panels"] for target in panel["targets"]]

    assert not [query for query in queries if "vector(" in query or "absent(" in query]
