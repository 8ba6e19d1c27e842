"""What a check saw, level by level, kept beside its outcome, so that a reader can judge the judgement.

Why this exists: "PASS" alone is a claim. A check notes what the files declare, what the engine made of it and what the
thing itself shows, with the numbers it measured; the reports print them as they were noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from suites.chronicle import Chronicle


class Where(Protocol):
    """A place in a file, as :class:`stack.model.Where` is one."""

    @property
    def file(self) -> Path: ...
    @property
    def line(self) -> int: ...


@dataclass(frozen=True)
class Note:
    """One thing seen, at one level (``declared``, ``effective`` or ``observed``)."""

    level: str
    text: str


@dataclass(frozen=True)
class Measure:
    """A number with its unit, and the objective it is held against, where there is one (same unit, an upper bound)."""

    name: str
    value: float
    unit: str
    objective: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows under named columns: a deployment's steps, a fault → alert matrix, percentiles by stage."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Moment:
    """Something that happened ``at_seconds`` after the check's own zero."""

    at_seconds: float
    text: str


class Evidence:
    """The notebook of one check; the ``evidence`` fixture hands out an empty one. Text is kept as given and escaped
    when shown.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.measures: list[Measure] = []
        self.tables: list[Table] = []
        self.timeline: list[Moment] = []
        self.places: list[tuple[str, int]] = []
        self.chronicle: Chronicle | None = None

    def declared(self, text: str, where: Where | None = None) -> None:
        """Note what a file says, and where."""
        self.notes.append(Note("declared", text))
        if where is not None:
            self.where(where)

    def effective(self, text: str) -> None:
        """Note what the engine or a program made of the declaration."""
        self.notes.append(Note("effective", text))

    def observed(self, text: str) -> None:
        """Note what the thing itself shows: a process, a socket, a handshake, an answer."""
        self.notes.append(Note("observed", text))

    def measure(self, name: str, value: float, unit: str, *, objective: float | None = None) -> None:
        """Keep a measured number; ``unit`` as written after it (``s``, ``ms``, ``%``, ``B``, ``writes``)."""
        self.measures.append(Measure(name, float(value), unit, objective))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Keep a small table; every cell is shown as ``str`` gives it. A row of another length than ``columns`` is a
        ValueError.
        """
        kept = tuple(tuple(str(cell) for cell in row) for row in rows)
        if any(len(row) != len(columns) for row in kept):
            raise ValueError(f"table {title!r}: every row must have {len(columns)} cells")
        self.tables.append(Table(title, tuple(columns), kept))

    def moment(self, at_seconds: float, text: str) -> None:
        """Add a line to the check's timeline (an experiment's steady, inject, witness, revert)."""
        self.timeline.append(Moment(float(at_seconds), text))

    def chronicled(self, document: Mapping[str, Any]) -> None:
        """Keep what happened second by second, in the form that `Chronicle.to_json` gives. Raises KeyError, TypeError or
        ValueError when it is not of that form.
        """
        self.chronicle = Chronicle.from_json(document)

    def where(self, place: Where) -> None:
        """Name the file and line the finding is about; annotations in a code review land there."""
        self.places.append((str(place.file), int(place.line)))
