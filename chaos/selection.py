"""Which of a session's experiments run, in which order, and until when: where the budget meets pytest's items."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.budget import Plan, budget, expected_of, measured, plan
from chaos.coverage import Cell
from chaos.experiment import Experiment
from chaos.order import spaced
from stack.errors import CannotTell
from suites.check import Check, check_of

if TYPE_CHECKING:
    import pytest

_A_MACHINE_TAKES = timedelta(minutes=2)
"""A state machine's run, where nobody has measured one."""


def of_experiments(items: Sequence[pytest.Item]) -> dict[pytest.Item, tuple[Experiment, frozenset[Cell]]]:
    """The items that stand for an experiment that can run, with it and what it covers."""
    found = {}
    for item in items:
        mark = item.get_closest_marker("experiment")
        if mark is not None and not item.get_closest_marker("nothing_to_check"):
            found[item] = (mark.args[0], mark.args[1])
    return found


class Selection:
    """The experiments among a session's items. `last` is a results file that tells how long they took."""

    def __init__(self, items: Sequence[pytest.Item], text: str | None, *, last: Path) -> None:
        """`text` is the budget as it was given, None for none. Raises UserError when it is none."""
        found = of_experiments(items)
        self._experiments = {item: experiment for item, (experiment, _) in found.items()}
        self._known = measured(last)
        self._expected = expected_of(self._known)
        self._machines = {item: entry.id for item in items if (entry := _machine(item)) and item not in found}
        self._begun: float | None = None
        self._plan: Plan | None = None
        if text is not None:
            cells = {experiment.id: covered for experiment, covered in found.values()}
            self._plan = plan(
                tuple(self._experiments.values()),
                budget(text),
                expected=self._expected,
                cells=lambda one: cells[one.id],
            )

    def arrange(self, items: list[pytest.Item]) -> None:
        """Put the experiments in their order, in the places that they have among the other items."""
        chosen = self._plan.picked if self._plan else tuple(self._experiments.values())
        ordered = [*spaced(chosen, self._expected), *(self._plan.spare if self._plan else ())]
        by_id = {experiment.id: item for item, experiment in self._experiments.items()}
        queue = iter([by_id[one.id] for one in ordered])
        items[:] = [next(queue) if item in self._experiments else item for item in items]

    def lines(self) -> list[str]:
        """What the budget means, for the head of the run; nothing without one."""
        if self._plan is None:
            return []
        machines = ", ".join(self._machines.values())
        return [
            *self._plan.lines(self._expected),
            *([f"only if time remains after all that: {machines}"] if machines else []),
        ]

    def begin(self, item: pytest.Item) -> None:
        """The time runs from the first experiment's beginning."""
        if self._begun is None and (item in self._experiments or item in self._machines):
            self._begun = time.monotonic()

    def refuse_if_late(self, item: pytest.Item) -> None:
        """Raises CannotTell when the time is over or, for one that was not picked, would not last."""
        if self._plan is None:
            return
        experiment = self._experiments.get(item)
        if experiment is not None:
            takes, picked = self._expected(experiment), experiment in self._plan.picked
        elif item in self._machines:
            takes, picked = self._known.get(self._machines[item], _A_MACHINE_TAKES), False
        else:
            return
        spent = timedelta(seconds=time.monotonic() - self._begun if self._begun else 0)
        if spent >= self._plan.budget or (not picked and spent + takes > self._plan.budget):
            raise CannotTell(
                f"not run: of the budget of {self._plan.budget.total_seconds():g} s {spent.total_seconds():.0f} s were spent, "
                f"and it takes about {takes.total_seconds():.0f} s"
            )


def _machine(item: pytest.Item) -> Check | None:
    """The entry of a check of chaos that is no single experiment: a state machine's."""
    entry = check_of(item)
    runs = entry is not None and entry.id.startswith("EXP-") and not item.get_closest_marker("nothing_to_check")
    return entry if runs else None
