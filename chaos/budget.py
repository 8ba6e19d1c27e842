"""Which experiments to run when there is no time for all: those that cover the most of fault family × tier a second, first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.coverage import CELLS, Cell
from stack import units
from stack.errors import UserError

if TYPE_CHECKING:
    from chaos.experiment import Experiment

_WORTH = {"critical": 10.0, "high": 7.5, "medium": 5.0, "low": 2.5}
"""The scorecard's weights (design/architecture.md)."""
_CELL_WORTH = 100.0
"""One cell more outweighs any severity."""


def budget(text: str) -> timedelta:
    """Read `5m`, `90s`, `2m30s`. Raises UserError, in one sentence, for anything else, and for no time at all."""
    nano = None if text.strip() == "0" else units.nanoseconds(text)
    if nano is None:
        raise UserError(f"--budget {text}: must be a time with its unit, as 5m, 90s or 2m30s")
    if nano < 10**9:
        raise UserError(f"--budget {text}: in less than a second nothing can be tried")
    return timedelta(microseconds=nano / 1000)


@dataclass(frozen=True)
class Plan:
    """What is run within a budget, and what that leaves out."""

    budget: timedelta
    picked: tuple[Experiment, ...]
    """The most valuable first."""
    spare: tuple[Experiment, ...]
    """Those for which there is no time, unless the others take less than expected; the most valuable first."""
    uncovered: tuple[Cell, ...]
    """Cells that some experiment covers, and none of the picked."""

    def lines(self, expected: Callable[[Experiment], timedelta]) -> list[str]:
        """What was picked, what was left out and what stays uncovered, for a person."""
        spent = sum((expected(one) for one in self.picked), timedelta(0))
        return [
            f"budget {_short(self.budget)}: {len(self.picked)} experiments, {_short(spent)} expected: "
            + (", ".join(one.id for one in self.picked) or "none fits"),
            "left out unless time remains (not run is INCONCLUSIVE): "
            + (", ".join(one.id for one in self.spare) or "none"),
            "not covered by those picked: " + (", ".join(map(str, self.uncovered)) or "nothing, every cell is"),
        ]


def plan(
    experiments: Sequence[Experiment],
    within: timedelta,
    *,
    expected: Callable[[Experiment], timedelta],
    cells: Callable[[Experiment], frozenset[Cell]],
) -> Plan:
    """Pick greedily by what an experiment adds for each second it is expected to take, until nothing more fits. Pure.

    What it adds is first of all cells that no picked one covers, then its severity. (Greedy set cover is within ln n of the
    best there is: Chvátal, "A greedy heuristic for the set-covering problem", 1979.)
    """
    left = sorted(experiments, key=lambda one: one.id)
    picked: list[Experiment] = []
    covered: set[Cell] = set()
    time_left = within

    def value(one: Experiment) -> float:
        new = len(cells(one) - covered)
        return (_CELL_WORTH * new + _WORTH[one.severity]) / max(0.001, expected(one).total_seconds())

    while fitting := [one for one in left if expected(one) <= time_left]:
        best = max(fitting, key=value)  # the first of equals, which is the one of the smaller id
        left.remove(best)
        picked.append(best)
        covered |= cells(best)
        time_left -= expected(best)
    spare = sorted(left, key=value, reverse=True)
    possible = {cell for one in experiments for cell in cells(one)}
    return Plan(within, tuple(picked), tuple(spare), tuple(c for c in CELLS if c in possible and c not in covered))


def measured(results: Path) -> dict[str, timedelta]:
    """How long each experiment took in the run whose `results.json` this is; nothing when there is none that can be read."""
    try:
        document = json.loads(results.read_text(encoding="utf-8"))
        return {
            str(one["id"]): timedelta(seconds=float(one["seconds"]))
            for one in document["results"]
            if str(one["id"]).startswith("EXP-") and one["outcome"] in ("PASS", "FAIL")
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def expected_of(known: Mapping[str, timedelta]) -> Callable[[Experiment], timedelta]:
    """How long an experiment will take: what it took last, else what it says of itself."""
    return lambda one: known.get(one.id, one.expected)


def _short(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes and seconds else f"{minutes} min" if minutes else f"{seconds} s"
