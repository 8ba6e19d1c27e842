"""One machine's run from the list to the verdict: perform it, and when it fails, cut the list down on fresh states."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.effect import RevertFailed
from chaos.machines.bisection import Minimised, minimise
from chaos.machines.machine import STEPS, Machine
from chaos.machines.performing import BOUND, Performed, perform
from chaos.machines.plan import Plan, PlanFile, Step
from stack.errors import CannotTell, SeatrialError

if TYPE_CHECKING:
    from stack.model import Stack

MINIMISE_WITHIN = timedelta(minutes=10)
_WORDS = {True: "fails", False: "does not fail", None: "can't be told"}


@dataclass(frozen=True)
class Wish:
    """What this session's machines shall do."""

    seed: int | None = None
    """What lists are drawn with; None: each machine's own."""
    steps: int = STEPS
    within: timedelta = BOUND
    replay: Plan | None = None
    minimise: bool = False
    """Whether a failing list is cut down; one that is replayed is in any case."""
    minimise_within: timedelta = MINIMISE_WITHIN

    def plan_for(self, machine: Machine) -> Plan:
        """The list that is replayed, or the one that the seed gives."""
        if self.replay is not None:
            return self.replay
        return machine.draw(machine.gate_seed if self.seed is None else self.seed, steps=self.steps)


@dataclass(frozen=True)
class Trial:
    """A machine, and the services of the stack it is tried on."""

    machine: Machine
    services: frozenset[str]


@dataclass(frozen=True)
class Judged:
    """What came of it."""

    performed: Performed
    file: Path
    """The list as it was performed."""
    minimised: Minimised[Step] | None = None
    smallest: Path | None = None
    """The smallest list that was seen to fail, as a file to replay."""


def judge(
    machine: Machine,
    stack: Stack,
    wish: Wish,
    *,
    folder: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Judged:
    """Perform the wished list on the stack, and cut it down when it fails and that is wished for.

    `folder` is where the lists are written (default: .seatrial/chaos/lists). Raises CannotTell when the stack isn't steady
    or no list can be written.
    """
    plan, folder = wish.plan_for(machine), folder or lists_of(stack)
    path = folder / f"{_now()}-{machine.name}-{'replay' if plan.seed is None else plan.seed}.jsonl"
    told(f"{path}: {len(plan.steps)} steps, seed {plan.seed}")
    performed = _run(machine, stack, plan, path, wish.within)
    if performed.holds is not False or not (wish.minimise or wish.replay is not None):
        return Judged(performed, path)
    found = minimise(
        plan.steps[: performed.done], _Parts(machine, stack, wish, path, performed, told), within=wish.minimise_within
    )
    smallest = path.with_name(f"{path.stem}-smallest.jsonl")
    file = PlanFile.begin(smallest, plan.only(found.steps))
    for step in found.steps:
        file.step(step)
    file.note("end", f"the smallest failing list of {found.runs} that were tried; the first was {path.name}")
    file.close()
    return Judged(performed, path, found, smallest)


@dataclass
class _Parts:
    """Says of parts of a list whether they fail, each on a fresh state."""

    machine: Machine
    stack: Stack
    wish: Wish
    path: Path
    whole: Performed
    told: Callable[[str], None]
    tried: int = 0

    def __call__(self, steps: tuple[Step, ...]) -> bool | None:
        """True or False; None when nothing can be told."""
        self.tried += 1
        at = self.path.with_name(f"{self.path.stem}-part{self.tried}.jsonl")
        try:
            part = _run(self.machine, self.stack, self.whole.plan.only(steps), at, self.wish.within)
        except RevertFailed as failure:
            self.whole.failure = self.whole.failure or failure  # and no further fault is injected
            said, fails = str(failure), None
        except SeatrialError as reason:
            said, fails = str(reason), None
        else:
            self.whole.failure = self.whole.failure or part.failure
            said, fails = part.reason or "holds", None if part.holds is None else not part.holds
        self.told(f"part {self.tried}, {len(steps)} steps: {_WORDS[fails]} ({said})")
        return fails


def lists_of(stack: Stack) -> Path:
    """Where a stack's lists are kept."""
    return stack.root / ".seatrial" / "chaos" / "lists" / stack.project


def _run(machine: Machine, stack: Stack, plan: Plan, path: Path, within: timedelta) -> Performed:
    """Raises CannotTell and RevertFailed only where nothing was performed: what came of a list outlives its tidying up."""
    file = PlanFile.begin(path, plan)
    performed: Performed | None = None
    try:
        with machine.fresh(stack, plan) as system:
            performed = perform(plan, system, file, within=within)
    except RevertFailed as failure:
        if performed is None:
            raise
        performed.failure = performed.failure or failure
    except CannotTell as reason:
        if performed is None:
            raise
        performed.unsure = performed.unsure or f"afterwards: {reason}"
    finally:
        file.close()
    assert performed is not None
    return performed


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
