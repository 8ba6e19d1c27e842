"""Dashboards as they are written: their panels, what each asks of which store, and what makes it move."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stack.model import Stack

APPLIED = frozenset({"time", "requests", "writes", "log lines"})
"""The stimuli that a check gives by itself. A panel that moves with anything else (a fault, a payment) names it, and stays still."""
_CHANGES = re.compile(r"Changes with: (?P<what>[a-z ]+)\.")


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard."""

    title: str
    store: str
    """The type of its data source: prometheus or loki."""
    queries: tuple[str, ...]
    unit: str
    stimulus: str
    """What its description says that it changes with; empty when it says nothing."""

    @property
    def is_moved(self) -> bool:
        """Whether its stimulus is one that the check gives."""
        return self.stimulus in APPLIED


@dataclass(frozen=True)
class Dashboard:
    """One file of a dashboard."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    file: Path

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.file.stem


def dashboards_of(stack: Stack) -> list[Dashboard]:
    """Every dashboard that a service for dashboards has mounted from this host, by file name.

    The service need not be part of the run: what a panel asks for is in the stores, whoever shows it.
    """
    found = {}
    names = {service.name for service in stack.by_role("dashboards")}
    names |= {stack.profile.dashboards.service} if stack.profile.dashboards else set()
    for name in names & stack.rendered["services"].keys():
        for file in _files(stack.rendered["services"][name].get("volumes") or []):
            if dashboard := read(file):
                found[file] = dashboard
    return [found[file] for file in sorted(found)]


def read(file: Path) -> Dashboard | None:
    """The dashboard of a JSON file; None when it holds something else."""
    try:
        said = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or "panels" not in said:
        return None
    panels = tuple(_panel(one) for one in _flat(said["panels"]) if one.get("targets"))
    return Dashboard(str(said.get("uid", "")), str(said.get("title", "")), panels, file)


def _files(mounts: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    for mount in mounts:
        if mount.get("type") == "bind" and Path(str(mount.get("source"))).is_dir():
            yield from Path(str(mount["source"])).rglob("*.json")


def _flat(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The panels, those of folded rows included."""
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels") or [])


def _panel(said: Mapping[str, Any]) -> Panel:
    changes = _CHANGES.search(str(said.get("description", "")))
    targets = said["targets"]
    source = said.get("datasource") or targets[0].get("datasource") or {}
    return Panel(
        str(said.get("title", "")),
        str(source.get("type", "")),
        tuple(str(target["expr"]) for target in targets if target.get("expr")),
        str(((said.get("fieldConfig") or {}).get("defaults") or {}).get("unit") or ""),
        changes["what"] if changes else "",
    )
