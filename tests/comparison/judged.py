"""What a tool found, missed and raised wrongly on one input, by the table of what is really wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TRUTH: dict[str, dict[str, dict[str, list[str]]]] = tomllib.loads(Path(__file__).with_name("truth.toml").read_text())


@dataclass(frozen=True)
class Said:
    """One finding of a tool: its id, and what it is about (a service; empty for a whole edge)."""

    id: str
    about: str = ""


@dataclass(frozen=True)
class Judged:
    """A tool on one input. `seconds` is the wall-clock time of its whole process."""

    found: tuple[str, ...]
    missed: tuple[str, ...]
    wrong: tuple[Said, ...]
    seconds: float


def judged(truth: Mapping[str, Iterable[str]], said: Iterable[Said], seconds: float) -> Judged:
    """Compare what was said with `truth`: each defect (`service: what` or `what`) with the ids that would say so."""
    every = tuple(dict.fromkeys(said))
    found, explained = [], set()
    for defect, ids in truth.items():
        about = defect.partition(": ")[0] if ": " in defect else ""
        fits = {one for one in every if one.id in set(ids) and one.about in ("", about)}
        explained |= fits
        found += [defect] if fits else []
    missed = tuple(defect for defect in truth if defect not in found)
    return Judged(tuple(found), missed, tuple(one for one in every if one not in explained), seconds)
