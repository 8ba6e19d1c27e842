"""What a state machine is here: a model that draws a list of steps, and a system that performs it and says what isn't true.

Drawing knows the model only and performing the live stack only, so a seed gives the same list whatever the stack does, and
nothing that happens on a stack is ever "flaky" to Hypothesis: it has drawn, and gone, before anything is broken (ADR 0019).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Protocol

from chaos.faults import make
from chaos.machines.plan import Plan, Step
from stack.errors import UserError

if TYPE_CHECKING:
    from chaos.machines.drawing import Drawing
    from stack.model import Stack

STEPS = 25
"""How many steps a list has unless somebody says otherwise."""


class System(Protocol):
    """What a list is performed on, from a fresh state on: in life a stack, in tests a pretended one."""

    def perform(self, step: Step) -> str:
        """Do it, and say in a few words what came of it; a step that lacks what it needs does nothing and says so.

        Raises AssertionError for what must not be, CannotTell for a step that could not be done as the list says,
        RevertFailed for a fault that could not be proved gone.
        """

    def complaints(self) -> Sequence[str]:
        """What is not true now though it must be at any moment; what can't be asked just now is not judged just now."""

    def end(self) -> None:
        """End the fault that stands, if one does, and wait until everything answers again. Called after every list.

        Raises AssertionError when it does not, RevertFailed when the fault could not be proved gone.
        """

    def finish(self) -> Sequence[str]:
        """Say what is not true at the end of all. Called after `end`, unless something was found already.

        Raises CannotTell when that could not be asked, or when nothing happened that could have gone wrong.
        """


class Machine(ABC):
    """One machine: who it is on the scorecard, what it draws, what it performs it on."""

    name: ClassVar[str]
    """What it is called in its lists."""
    id: ClassVar[str]
    """Its id as a check: EXP-ORD-001."""
    hypothesis: ClassVar[str]
    rationale: ClassVar[str]
    remediation: ClassVar[str]
    severity: ClassVar[str] = "critical"
    gate_seed: ClassVar[int] = 6
    """What its list is drawn with unless somebody says otherwise: a gate judges a change by the list that judged the one before
    it. Other lists are for whoever looks for something: `--seed`."""
    needs: ClassVar[tuple[str, ...]]
    """The services without which it says nothing."""
    steps: ClassVar[frozenset[str]]
    """The names of the steps it knows."""

    @abstractmethod
    def rules(self) -> type[Drawing]:
        """The model, as Hypothesis' rules. Imported when it is asked for: a replay needs no Hypothesis."""

    @abstractmethod
    def is_worth_it(self, steps: Sequence[Step]) -> bool:
        """Whether a drawn list can show anything: something is acknowledged, something is broken."""

    @abstractmethod
    def refuse_nonsense(self, step: Step) -> None:
        """Raise UserError in one sentence for a step of a read list with parameters that are none of its own.

        Called with steps whose name is known, before anything is done.
        """

    @abstractmethod
    def fresh(self, stack: Stack, plan: Plan) -> AbstractContextManager[System]:
        """The stack in a state in which nothing of an earlier list plays a part, ready for this one.

        Raises CannotTell when it isn't steady.
        """

    def lacking(self, stack: Stack) -> str:
        """What the stack lacks of what this is about, in a sentence; empty when it has it. Looks at declarations only."""
        known = {service.name for service in stack.services} | stack.excluded
        missing = next((name for name in self.needs if name not in known), None)
        return f"the stack has no service {missing}: this is about the reference stack" if missing else ""

    def draw(self, seed: int, *, steps: int = STEPS) -> Plan:
        """The list that this seed gives: always the same with the same version of Hypothesis, whatever the stack does."""
        from chaos.machines.drawing import DRAWN_BY, draw

        found = draw(self.rules(), seed=seed, steps=steps, is_worth_it=self.is_worth_it)
        return Plan(self.name, found, seed, DRAWN_BY)

    @staticmethod
    def refuse_strangers(plan: Plan, services: Collection[str]) -> None:
        """Raises UserError for a list with a fault of a service that the stack has not."""
        for number, step in enumerate(plan.steps, start=1):
            if "effect" in step.parameters:
                fault = make(str(step.parameters["effect"]), dict(step.parameters.get("parameters") or {}))
                if unknown := [name for name in fault.targets if name not in services]:
                    known = ", ".join(sorted(services))
                    raise UserError(f"step {number}, {fault}: the stack has no service {unknown[0]!r} (it has {known})")

    def check(self, plan: Plan) -> None:
        """Raises UserError in one sentence for a list that isn't this machine's, or has a step that makes no sense."""
        if plan.machine != self.name:
            raise UserError(f"the list is of the machine {plan.machine!r}, not of {self.name!r} ({self.id})")
        for number, step in enumerate(plan.steps, start=1):
            if step.name not in self.steps:
                known = ", ".join(sorted(self.steps))
                raise UserError(f"step {number}: {self.name} has no step {step.name!r} (it has {known})")
            try:
                self.refuse_nonsense(step)
            except UserError as error:
                raise UserError(f"step {number}, {step.name}: {error}") from error
