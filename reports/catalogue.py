"""The shipped checklist as data: what a complete run has to answer, whether or not somebody asked for all of it.

Why this exists: a gate that judges only what was run can be passed by running little. ``suites/catalogue.tsv`` is made
from the checks themselves (``make docs``), and a test keeps it current.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from stack.errors import UserError
from suites.entry import Area, Check, Impact, Level, Severity

SHIPPED = Path(__file__).resolve().parent.parent / "suites" / "catalogue.tsv"
COLUMNS = ("id", "area", "severity", "level", "impact", "title")


def shipped(path: Path = SHIPPED) -> tuple[Check, ...]:
    """The checks in the catalogue file. Raises UserError when it is missing or is not one."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_check(row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise UserError(f"{path}: the catalogue cannot be read ({error.strerror}); `make docs` writes it.") from error
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: it is not a catalogue of checks ({error}); `make docs` writes it.") from error


def _check(row: dict[str, str]) -> Check:
    area = Area(row["area"])
    folder = "chaos" if area is Area.CHAOS else f"suites/{area.value}"
    return Check(
        id=row["id"],
        title=row["title"],
        area=area,
        severity=Severity(row["severity"]),
        level=Level(row["level"]),
        impact=Impact(row["impact"]),
        rationale="docs/checks.md says why it is on the list.",
        remediation=f"Run it: pytest {folder}",
    )


def as_tsv(checks: Iterable[Check]) -> str:
    """The catalogue file's text for these checks, in the order of areas and ids."""
    areas = list(Area)
    rows = ["\t".join(COLUMNS)]
    for one in sorted(checks, key=lambda one: (areas.index(one.area), one.id)):
        cells = (
            one.id,
            one.area.value,
            one.severity.value,
            one.level.value,
            one.impact.value,
            " ".join(one.title.split()),
        )
        rows.append("\t".join(cells))
    return "\n".join(rows) + "\n"
