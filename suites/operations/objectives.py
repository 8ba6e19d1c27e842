"""The objectives of a profile as people publish them, one line each: written by `make docs`, held against the profile by OPS-DOC-004."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from stack.profile import Profile
from stack.project import COMPOSE_FILE, ROOT
from suites.operations.pages import Page

SECTION = "Objectives"
OUTPUT = ROOT / "docs" / "objectives.md"

_CATALOGUE = ROOT / "suites" / "catalogue.tsv"
_UNITS = {"_ms": "ms", "_seconds": "s"}
_MEANING: Mapping[str, tuple[str, str]] = {
    "p95_ms": ("95 of 100 requests are answered within this, from the moment they were due", "LOAD-SLO-001"),
    "p99_ms": ("99 of 100 requests are answered within this, from the moment they were due", "LOAD-SLO-002"),
    "error_rate": ("Share of requests that may go wrong at the declared load", "LOAD-SLO-003"),
    "availability": ("Share of time in which customers are served", ""),
    "head_room": ("Capacity over the declared load", "LOAD-STEP-001"),
    "spike_recovery_seconds": ("Latency is within its objective again so soon after a spike", "LOAD-SPIKE-001"),
    "recovery_seconds": ("A service that was killed or froze is well again within this, by itself", "FLV-SVC-001"),
    "settle_seconds": ("From an escrow's order to its confirmed payout", "LOAD-ESC-001"),
    "log_delay_seconds": ("A line that was written can be found within this", "OBS-LOG-001"),
    "rpo.database_seconds": ("The most of the database's writes that a disaster takes", "RST-DB-005"),
    "rpo.wallets_seconds": ("The most of the wallets' state that a disaster takes", "RST-WAL-006"),
    "rto.database_seconds": ("The database is restored and verified within this", "RST-DB-006"),
    "rto.wallets_seconds": ("A wallet is restored and has spent within this", "RST-WAL-006"),
    "rto.application_seconds": ("The application serves again within this", "RST-SYS-002"),
    "rto.system_seconds": ("Everything is back on an empty machine within this", "RST-SYS-002"),
}


@dataclass(frozen=True)
class Objective:
    """One promise: its name in the profile, and its value with its unit as it is published."""

    name: str
    value: str


def promised(profile: Profile) -> list[Objective]:
    """Every objective that the profile states, in its order."""
    return list(_flat(profile.objectives, ""))


def published(page: Page) -> list[Objective]:
    """Every objective that the page's table states: the first two cells of each row."""
    section = page.section(SECTION)
    rows = section.rows if section else []
    return [Objective(row[0].strip("`"), row[1]) for row in rows if len(row) > 1]


def page(profile: Profile) -> str:
    """The published page, for the reference stack."""
    known = {line.partition("\t")[0] for line in _CATALOGUE.read_text("utf-8").splitlines()}
    rows = []
    for one in promised(profile):
        meaning, decider = _MEANING[one.name]
        rows.append(f"| `{one.name}` | {one.value} | {meaning} | {decider if decider in known else 'no check yet'} |")
    return f"""# What is promised

Written by `make docs` from `[objectives]` in stack/profile.toml: change them there. The scorecard shows what was measured against each; the checks
named here decide. Loss and recovery are measured at the worst moment, on a shortened interval, and the report says what follows for the real one.

## {SECTION}

| objective | value | what it means | decided by |
|---|---|---|---|
{chr(10).join(rows)}
"""


def _flat(section: BaseModel, prefix: str) -> Iterator[Objective]:
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
            yield Objective(f"{prefix}{name}", f"{value:g} {unit}".strip())


if __name__ == "__main__":
    OUTPUT.write_text(page(Profile.load(COMPOSE_FILE.with_name("profile.toml"))), "utf-8")
