"""Tells whether somebody still mends a component, by a dated table with sources (support.toml): data that is read, never guessed."""

from __future__ import annotations

import datetime
import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("support.toml")


@dataclass(frozen=True)
class Support:
    """One row: who supports a component until when (None: no end is announced), and who says so."""

    name: str
    version: str
    until: datetime.date | None
    source: str

    def ended(self, today: datetime.date) -> bool:
        """Whether support is over."""
        return self.until is not None and today > self.until


@functools.cache
def table() -> tuple[Support, ...]:
    """Every row, the more exact versions first."""
    return read(tomllib.loads(TABLE.read_text()))


@functools.cache
def as_of() -> datetime.date:
    """The day on which the table's sources were last read."""
    day: datetime.date = tomllib.loads(TABLE.read_text())["as_of"]
    return day


def read(data: dict[str, Any]) -> tuple[Support, ...]:
    """The rows of a table, with their suppliers' dates filled in.

    Raises:
        KeyError: a row names no source, or a supplier that is not there.

    """
    suppliers = data.get("suppliers") or {}
    rows = []
    for row in data.get("component") or ():
        given = suppliers[row["supplier"]] if "supplier" in row else row
        source = given["source"] if given is row else f"{given['name']} ({given['source']})"
        rows.append(Support(row["name"], row["version"], given.get("until"), source))
    return tuple(sorted(rows, key=lambda row: (row.name, -len(row.version))))


def component_of(text: str) -> tuple[str, str]:
    """Name and version of a profile's component: `nginx 1.26` or `seatrial monero-exporter`."""
    name, _, version = text.strip().partition(" ")
    return name.lower(), version.strip()


def component_of_image(name: str, tag: str) -> tuple[str, str]:
    """Name and version an image's name and tag tell: `postgres:17-alpine` is postgres 17."""
    version = re.match(r"v?(\d+(?:\.\d+)*)", tag or "")
    return name.rpartition("/")[2].lower(), version.group(1) if version else ""


def find(name: str, version: str) -> Support | None:
    """The row for a component; None when the table does not know it."""
    return next((row for row in table() if row.name == name and _matches(row.version, version)), None)


def _matches(row: str, version: str) -> bool:
    return not row or version == row or version.startswith(f"{row}.")
