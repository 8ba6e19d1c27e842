"""One entry of the checklist as plain data, for those who read results and run nothing.

Why this exists: a gate that only reads a record must not wait for a test framework to load.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

# AREA-SUBJECT-NNN, and the two families whose last part is another tool's rule name.
_ID = re.compile(r"[A-Z][A-Z0-9]*-[A-Z][A-Z0-9]*-[0-9]{3}|SEC-(?:LINT|GIXY|SSLYZE)-[A-Za-z0-9][A-Za-z0-9_.-]*")


class Area(Enum):
    """The part of the checklist a check belongs to; each is a folder under ``suites/`` (chaos has its own)."""

    SECURITY = "security"
    RESTORE = "restore"
    LOAD = "load"
    FAILOVER = "failover"
    ALERTS = "alerts"
    OBSERVABILITY = "observability"
    OPERATIONS = "operations"
    CHAOS = "chaos"


# An id of ours says its area. Anybody else's prefix is theirs, with any area.
_PREFIXES = {
    "SEC": Area.SECURITY,
    "RST": Area.RESTORE,
    "LOAD": Area.LOAD,
    "FLV": Area.FAILOVER,
    "ALR": Area.ALERTS,
    "OBS": Area.OBSERVABILITY,
    "OPS": Area.OPERATIONS,
    "EXP": Area.CHAOS,
}


class Severity(Enum):
    """How bad it is when the sentence is not true; the scorecard gives each its weight."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Level(Enum):
    """The strongest kind of evidence a check reaches: the file says it, the engine says it, or the thing itself shows
    it.
    """

    DECLARED = "declared"
    EFFECTIVE = "effective"
    OBSERVED = "observed"


class Impact(Enum):
    """What a check does to the stack: looks; sends traffic or tries writes; breaks or replaces."""

    PASSIVE = "passive"
    INTRUSIVE = "intrusive"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True)
class Check:
    """One entry of the checklist. ``title`` is the sentence that is true when it passes."""

    id: str
    title: str
    area: Area
    severity: Severity
    level: Level
    impact: Impact
    rationale: str
    remediation: str
    standards: tuple[str, ...] = ()
    static: bool | None = None

    @property
    def is_static(self) -> bool:
        """Whether the check needs no engine: it reads declarations and touches nothing (unless its author says
        otherwise).
        """
        if self.static is not None:
            return self.static
        return self.level is Level.DECLARED and self.impact is Impact.PASSIVE

    def problems(self) -> list[str]:
        """What is wrong with this entry, in sentences; an empty list when it is sound. Collection refuses the
        others.
        """
        found = self._of_another_kind()
        if found:
            return found  # the rest would stumble over them
        if not _ID.fullmatch(self.id):
            found.append(f"the id {self.id!r} is not of the form AREA-SUBJECT-NNN")
        expected = _PREFIXES.get(self.id.partition("-")[0])
        if expected and expected is not self.area:
            found.append(f"{self.id} belongs to the area {expected.value}, not to {self.area.value}")
        for name in ("title", "rationale", "remediation"):
            if not getattr(self, name).strip():
                found.append(f"{self.id} has an empty {name}")
        return found

    def _of_another_kind(self) -> list[str]:
        """What was left out, or is no member of its enumeration, or no text; an author's mypy may never have run."""
        found = []
        for name, kind in (("area", Area), ("severity", Severity), ("level", Level), ("impact", Impact)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                members = ", ".join(f"{kind.__name__}.{one.name}" for one in kind)
                found.append(f"{self.id}: {name} is {'missing' if value is None else repr(value)}, expected one of {members}")
        for name in ("id", "title", "rationale", "remediation"):
            value = getattr(self, name)
            if not isinstance(value, str):
                found.append(f"{self.id}: {name} is {'missing' if value is None else repr(value)}, expected a text")
        return found
