"""Waivers: a known weakness somebody owns until a date, so that the gate can open without anyone pretending it isn't
there.

Why this exists: without waivers people delete checks. A waiver lifts the gate and never the score, it says who answers
for it, and it ends by itself: an expired one blocks, an unused one is told, and a fault that could not be reverted
can't be waived at all.
"""

from __future__ import annotations

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

    @property
    def name(self) -> str:
        """The id, with the subject in brackets where there is one."""
        return f"{self.id}[{self.subject}]" if self.subject else self.id

    def days_left(self, today: date) -> int:
        """Whole days until it ends; negative when it has."""
        return (self.expires - today).days

    def in_force(self, today: date) -> bool:
        """Whether it counts: not ended, and not made for longer than is allowed."""
        return timedelta(0) <= self.expires - today <= LONGEST

    def to_json(self) -> dict[str, str]:
        """The waiver as plain data, as a run's manifest keeps it."""
        return {**asdict(self), "expires": self.expires.isoformat()}

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, which must be one that a waiver can lift."""
        if result.revert_failed or result.outcome not in (Outcome.FAIL, Outcome.INCONCLUSIVE):
            return False
        return result.id == self.id and self.subject in ("", result.subject)


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
