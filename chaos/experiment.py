"""An experiment is data: what is normal, what breaks, how one sees that it broke, and what must hold meanwhile and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.effect import Fault
from chaos.health import up_for
from chaos.question import Probe, Promise
from chaos.schedule import Schedule
from chaos.stage import Stage
from chaos.strategy import DEFAULT, Strategy
from chaos.trial import run
from chaos.verdict import Line, Outcome, Verdict

if TYPE_CHECKING:
    from stack.model import Stack

__all__ = ["Experiment", "Line", "Outcome", "Probe", "Promise", "Verdict", "run", "up_for"]

BESIDES = timedelta(seconds=2)
"""What an experiment takes beside its fault and its recovery: steady state, fingerprints, witness, proof."""


@dataclass(frozen=True)
class Experiment:
    """One hypothesis. Raises ValueError when it has no steady state: then nothing could be said to have held."""

    id: str
    hypothesis: str
    fault: Fault | Schedule
    steady_state: tuple[Probe, ...]
    during: tuple[Probe, ...] = ()
    """Must be true, within their own time, while the fault stands."""
    throughout: tuple[Promise, ...] = ()
    """Asked all the time, from before the fault until after the recovery."""
    users: timedelta | None = None
    """For how long in one go the base load's customers, who browse, may be served nothing; None promises them nothing."""
    keeps: bool = False
    """Whether all that the stack acknowledges, before the fault and while it stands, is looked for afterwards."""
    hold: timedelta = timedelta(seconds=3)
    """How long the fault stands at least; of a schedule, from the last fault on."""
    unaided: bool = False
    """Whether the stack must recover before the fault is reverted, by itself."""
    recover_within: timedelta = timedelta(seconds=30)
    severity: str = "high"
    """critical, high, medium or low: how bad it is when the hypothesis does not hold."""
    rationale: str = ""
    remediation: str = ""
    witness: Callable[[Stack], str | None] | None = None
    """Stronger evidence than the last fault's own that it bit, where there is some."""
    ready: Probe | None = None
    """The moment to inject at, where not every one will do; asked last of all, while promises are asked and writes go on."""
    quiet_before: timedelta = timedelta(0)
    """How long the targets must have been up: the engine's restart back-off resets after 10 s of uptime only."""
    steady: Strategy = DEFAULT
    """When the steady state is asked for."""
    settles_within: timedelta = timedelta(seconds=15)
    """How long the stack may take to be steady beforehand: what an experiment before it did may still linger."""
    stage: Stage | None = None
    """The stack it needs, where that is not the session's own."""

    def __post_init__(self) -> None:
        if not self.steady_state:
            raise ValueError(f"{self.id}: an experiment without a steady state can't show anything")

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What it breaks, in the order in which it does."""
        return Schedule.of(self.fault).faults

    @property
    def targets(self) -> tuple[str, ...]:
        """The services it does something to."""
        return self.fault.targets

    @property
    def expected(self) -> timedelta:
        """How long it may take by what it says of itself, for whoever has no measured time."""
        schedule = sum((step.after for step in Schedule.of(self.fault).steps), timedelta(0))
        return schedule + self.hold + self.recover_within + BESIDES
