"""Which defects are seeded and which check caught each, in how many seconds: the table of docs/detection.md."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suites.entry import Level
from suites.security.rules import lint, nginx_lint
from tests.sabotage.security import static_files

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAGE = ROOT / "docs" / "detection.md"
DEFECTS: dict[str, Any] = tomllib.loads((HERE / "defects.toml").read_text())
# The runs whose checks are over the whole stack (or one machine), each with its table of texts in defects.toml.
RUNS = ("whole", "firewalled", "old_port", "wrong_limits", "hasty", "forgotten", "flows", "hosts")
CAUGHT: dict[tuple[str, str], float] = {}
"""Seconds that the check took, by run (or `files`, `services`) and what was caught there."""


@dataclass(frozen=True)
class Row:
    """One seeded defect: where it is seeded, what is recorded when it is caught, what it is, and the check for it."""

    run: str
    key: str
    what: str
    check: str
    level: str


def caught(run: str, key: str, seconds: float) -> None:
    """Record that what was seeded was caught, by a check that took so long."""
    CAUGHT[run, key] = seconds


def rows() -> Iterator[Row]:
    """Every seeded defect of the security area, in the order of the page."""
    levels = catalogue_levels()
    for defect in static_files.defects():
        yield Row("files", defect.name, defect.what, defect.catches, levels[defect.catches])
    for service, checks in DEFECTS["services"].items():
        for check in checks:
            yield Row(
                "services", f"{service} {check}", DEFECTS["what"]["services"][service][check], check, levels[check]
            )
    for run in RUNS:
        for check, texts in DEFECTS[run].items():
            for _, what in zip(texts, DEFECTS["what"][run][check], strict=True):
                yield Row(run, check, what, check, levels[check])


def catalogue_levels() -> dict[str, str]:
    """The level that each check promises: the catalogue's, and `declared` for the tools' rules."""
    with (ROOT / "suites" / "catalogue.tsv").open(newline="") as file:
        known = {row["id"]: row["level"] for row in csv.DictReader(file, delimiter="\t")}
    tools = [f"SEC-LINT-{rule.id}" for rule in lint.rules()] + [f"SEC-GIXY-{rule.id}" for rule in nginx_lint.rules()]
    return dict.fromkeys(tools, Level.DECLARED.value) | known


_TITLES: Mapping[str, str] = {
    "files": "In files, read without an engine",
    "services": "In running services",
    "whole": "In a running stack",
    "firewalled": "In a running stack whose firewall is up",
    "old_port": "At an edge with TLS 1.2 alone",
    "wrong_limits": "At an edge with wrong limits",
    "hasty": "In a database that forgets",
    "forgotten": "In a secrets file",
    "flows": "Between services",
    "hosts": "On a host, over SSH",
}


def page(seconds: Mapping[tuple[str, str], float]) -> str:
    """The page, with how long each check took where that was measured."""
    listed = list(rows())
    ids = {row.check for row in listed}
    lines = [
        "# Which check catches which defect",
        "",
        "Written by `make sabotage`: every row is a defect that is seeded for real, and the check that must catch it, and alone. On",
        "the same files and services without the defect, and on harmless look-alikes, every check must stay silent. Seconds are",
        "those of the check itself, on everything it was asked about in that run.",
        "",
        f"{len(listed)} defects, {len(ids)} checks.",
    ]
    for run, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| defect | check | level | seconds |", "|---|---|---|---:|"]
        for row in listed:
            if row.run == run:
                spent = seconds.get((row.run, row.key))
                shown = "" if spent is None else f"{spent:.2f}"
                lines.append(f"| {row.what} | {row.check} | {row.level} | {shown} |")
    return "\n".join(lines) + "\n"


def missing() -> list[Row]:
    """The defects that were not caught (or not tried) in this session."""
    return [row for row in rows() if (row.run, row.key) not in CAUGHT]
