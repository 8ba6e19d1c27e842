"""Waivers: a known weakness somebody owns until a date, so that the gate can open without anyone pretending it isn't
there.

Why this exists: without waivers people delete checks. A waiver lifts the gate and never the score, it says who answers
for it, and it ends by itself: an expired one blocks, an unused one is told, and a fault that could not be reverted
can't be waived at all.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from reports.outcome import Outcome, Result
from reports.text import printable
from stack.errors import UserError

LONGEST = timedelta(days=180)
"""How far ahead a waiver may end: half a year, after which a weakness is a decision and belongs in the profile."""

_ROOT = Path(__file__).resolve().parents[1]
_PLACE = re.compile(r"\[([^\[\]]+:[0-9]+)\]$")
_KEYS = {"id", "subject", "reason", "owner", "expires"}


@dataclass(frozen=True)
class Waiver:
    """Permission for the check ``id`` (only for ``subject``, when given) not to pass, until ``expires`` (that day
    included).
    """

    id: str
    reason: str
    owner: str
    expires: date
    subject: str = ""
    place: str = ""
    """`file:line`, for a waiver that stands beside a line: it is about what is found there and about nothing else."""

    @property
    def name(self) -> str:
        """The id, with the subject in brackets or the place where there is one."""
        named = f"{self.id}[{self.subject}]" if self.subject else self.id
        return f"{named} at {self.place}" if self.place else named

    def days_left(self, today: date) -> int:
        """Whole days until it ends; negative when it has."""
        return (self.expires - today).days

    def in_force(self, today: date) -> bool:
        """Whether it counts: not ended, and not made for longer than is allowed."""
        return timedelta(0) <= self.expires - today <= LONGEST

    def to_json(self) -> dict[str, str]:
        """The waiver as plain data, as a run's manifest keeps it."""
        data = {**asdict(self), "expires": self.expires.isoformat()}
        return data if self.place else {name: value for name, value in data.items() if name != "place"}

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, or some of it, which must be one that a waiver can lift."""
        if result.revert_failed or result.outcome not in (Outcome.FAIL, Outcome.INCONCLUSIVE):
            return False
        if result.id != self.id or self.subject not in ("", result.subject):
            return False
        return not self.place or any(same_place(self.place, place) for place in found_at(result))


def lifting(result: Result, waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """The waivers that lift a result, all of it; none when something in it is waived by nobody.

    A waiver without a place lifts the whole. Those beside lines do so together, when each thing found stands at a waived
    line: one that stands nowhere, or elsewhere, is not theirs.
    """
    about = [waiver for waiver in waivers if waiver.covers(result)]
    whole = tuple(waiver for waiver in about if not waiver.place)
    if whole:
        return whole
    places = found_at(result)
    if places and all(place and any(same_place(one.place, place) for one in about) for place in places):
        return tuple(about)
    return ()


def found_at(result: Result) -> tuple[str, ...]:
    """Where each finding of a result stands, as `file:line`, empty for one that names no place.

    A check names the place at the end of each finding; where none does, the places it noted count.
    """
    named = tuple(
        match[1] if (match := _PLACE.search(line)) else "" for line in result.reason.splitlines() if line.strip()
    )
    return named if any(named) else tuple(f"{file}:{line}" for file, line in dict.fromkeys(result.places))


def same_place(shown: str, other: str) -> bool:
    """Whether two spellings of `file:line` mean one place: a report shortens what is inside the clone that runs.

    A whole path outside this clone can be of a run elsewhere, whose clone stood somewhere else: there, its end counts.
    """
    one, two = (posixpath.normpath(each) for each in (shown, other))
    if posixpath.isabs(one) == posixpath.isabs(two):
        return one == two
    whole, short = (one, two) if posixpath.isabs(one) else (two, one)
    if whole.startswith(f"{_ROOT}/"):
        return whole == f"{_ROOT}/{short}"
    return whole.endswith(f"/{short}")


def read(path: Path) -> tuple[Waiver, ...]:
    """The waivers in a TOML file (``[[waiver]]`` tables). Raises UserError, with one sentence, for anything that isn't
    one.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:  # also a date that does not exist
        raise UserError(f"{path}: it is not valid TOML ({error}).") from error
    tables = data.get("waiver", [])
    if set(data) - {"waiver"} or not isinstance(tables, list):
        raise UserError(f"{path}: only [[waiver]] tables are expected, it has {', '.join(sorted(data))}.")
    return tuple(_waiver(table, f"{path}: waiver {number}") for number, table in enumerate(tables, 1))


def _waiver(table: Any, where: str) -> Waiver:
    if not isinstance(table, dict):
        raise UserError(f"{where}: a table is expected.")
    if unknown := sorted(set(table) - _KEYS):
        raise UserError(f"{where}: unknown key {unknown[0]!r}, expected {', '.join(sorted(_KEYS))}.")
    for key in ("id", "reason", "owner"):
        if key in table and not isinstance(table[key], str):
            raise UserError(f"{where}: {key!r} is not text, but {table[key]!r}.")
        if not table.get(key, "").strip():
            raise UserError(f"{where}: {key!r} is missing; a waiver has an id, a reason, an owner and a date.")
    expires = table.get("expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise UserError(f"{where}: 'expires' is missing or not a date (expires = 2027-01-31).")
    subject = table.get("subject", "")
    if not isinstance(subject, str):
        raise UserError(f"{where}: 'subject' is not text.")
    id_, reason, owner = (printable(table[key].strip()) for key in ("id", "reason", "owner"))
    return Waiver(id_, reason, owner, expires, printable(subject))


def recorded(data: Iterable[Mapping[str, str]]) -> tuple[Waiver, ...]:
    """The waivers that a run's manifest kept. Raises UserError when they were damaged since."""
    try:
        return tuple(Waiver(**{**one, "expires": date.fromisoformat(one["expires"])}) for one in data)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the run's record is damaged (waivers: {error}).") from error
