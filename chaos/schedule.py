"""Several faults in one experiment: at once, overlapping, or one upon another, each with its own intent, and one proof of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.effect import Fault, RevertFailed
from chaos.fingerprint import Fingerprint
from chaos.injection import Injection
from chaos.runner import Runner
from chaos.shield import undisturbed
from chaos.undo import undo
from stack.errors import SeatrialError
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack

Told = Callable[[str, Injection], None]


@dataclass(frozen=True)
class Step:
    """One fault of a schedule, and when it begins and ends."""

    fault: Fault
    after: timedelta = timedelta(0)
    """How long after the step before was injected or, with `once_seen`, was seen to bite."""
    once_seen: bool = False
    """Whether it waits for the witness of the step before: one failure upon another."""
    stands: timedelta | None = None
    """How long it stands; None is until the schedule ends. It then goes while later steps may still stand."""


@dataclass(frozen=True)
class Schedule:
    """Faults in the order of their beginning. Raises ValueError when there is none, or one twice."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a schedule without a step breaks nothing")
        if len(set(self.faults)) != len(self.steps):
            raise ValueError(f"a schedule holds the same fault twice: {self}")

    @classmethod
    def of(cls, fault: Fault | Schedule) -> Schedule:
        """The schedule itself, or the one of a single fault."""
        return fault if isinstance(fault, Schedule) else cls((Step(fault),))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """In the order of their beginning."""
        return tuple(step.fault for step in self.steps)

    @property
    def targets(self) -> tuple[str, ...]:
        """Every service that one of them does something to, once."""
        return tuple(dict.fromkeys(name for fault in self.faults for name in fault.targets))

    @property
    def parameters(self) -> dict[str, Any]:
        """Each fault's names and numbers, by its text."""
        return {str(fault): fault.parameters for fault in self.faults}

    def __str__(self) -> str:
        return ", ".join(_spoken(step, number) for number, step in enumerate(self.steps))


def _spoken(step: Step, number: int) -> str:
    waits = f"{step.after.total_seconds():g} s later " if step.after else ""
    how = "" if number == 0 else f"once that is seen {waits}" if step.once_seen else waits or "with "
    stands = "" if step.stands is None else f" for {step.stands.total_seconds():g} s"
    return f"{how}{step.fault}{stands}"


@dataclass(frozen=True)
class Several(Fault):
    """The faults of a schedule as one, for reverting all of them and proving all of them gone. Never in a journal."""

    faults: tuple[Fault, ...] = ()

    effect: ClassVar[str] = "several"
    family: ClassVar[str] = "several"
    revert_within: ClassVar[timedelta] = timedelta(seconds=90)

    @classmethod
    def of(cls, faults: tuple[Fault, ...]) -> Fault:
        """One fault is itself."""
        return faults[0] if len(faults) == 1 else cls(faults[0].service, faults)

    @property
    def targets(self) -> tuple[str, ...]:
        """Of all of them."""
        return Schedule(tuple(map(Step, self.faults))).targets

    def inject(self, stack: Stack) -> None:
        """Not together: each has an intent of its own. Raises NotImplementedError."""
        raise NotImplementedError("a schedule injects its faults one by one")

    def revert(self, stack: Stack) -> None:
        """Every one, the newest first. One that fails keeps no other standing; raises RevertFailed naming those that did."""
        failed = []
        for fault in reversed(self.faults):
            try:
                fault.revert(stack)
            except SeatrialError as error:
                failed.append(f"{fault}: {error}")
            # Whatever else a fault's code raises: the others are taken back all the same.
            except Exception as error:  # noqa: BLE001 - becomes RevertFailed below
                failed.append(f"{fault}: {type(error).__name__}: {error}")
        if failed:
            raise RevertFailed("; ".join(failed))

    def active(self, stack: Stack) -> bool:
        """Whether any is."""
        return any(fault.active(stack) for fault in self.faults)

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """All of them bit."""
        seen = [fault.witness(stack, before) for fault in self.faults]
        return "; ".join(one for one in seen if one) if all(seen) else None

    def touched(self, stack: Stack) -> dict[str, str]:
        """What any of them changes."""
        return {what: state for fault in self.faults for what, state in fault.touched(stack).items()}

    def __str__(self) -> str:
        return " and ".join(map(str, self.faults))


@dataclass
class Standing:
    """A fault of a schedule that was begun."""

    step: Step
    injection: Injection
    number: str
    """Of its intent in the journal."""
    ended: float | None = None
    """When it was proved gone, on the monotonic clock; None while it stands."""

    def is_due(self) -> bool:
        """Whether its time is over."""
        stands = self.step.stands
        return self.ended is None and stands is not None and time.monotonic() >= self._until(stands)

    def _until(self, stands: timedelta) -> float:
        return self.injection.began + self.injection.injected_seconds + stands.total_seconds()


@dataclass
class Play:
    """A schedule under way: `begin` it, `hold` it as long as wanted; the end of `played` takes back what stands."""

    schedule: Schedule
    stack: Stack
    runner: Runner
    before: Fingerprint
    told: Told
    begun: list[Standing] = field(default_factory=list)

    def begin(self, witness: Callable[[Injection], object]) -> None:
        """Inject step after step, in time, and see each bite: those that begin together are seen once all are there.

        Raises CannotTell when one can't be injected, and whatever `witness` raises.
        """
        unseen: list[Injection] = []
        for step in self.schedule.steps:
            if step.once_seen:
                _see(unseen, witness)
            self.hold(step.after)
            unseen.append(self._inject(step))
        _see(unseen, witness)

    def hold(self, duration: timedelta) -> None:
        """Let time pass, and take back each fault whose time is over."""
        until = time.monotonic() + duration.total_seconds()
        while True:
            for one in self.begun:
                if one.is_due():
                    self._end_early(one)
            left = until - time.monotonic()
            if left <= 0:
                return
            dues = [
                one._until(one.step.stands) - time.monotonic()
                for one in self.begun
                if one.ended is None and one.step.stands is not None
            ]
            pause(min([left, *dues]))

    @property
    def last_began(self) -> float:
        """When the last fault was asked for, on the monotonic clock."""
        return self.begun[-1].injection.began

    def end(self) -> None:
        """Take back all that stands, the newest first, and prove that all of the schedule is gone. Raises RevertFailed."""
        standing = [one for one in self.begun if one.ended is None]
        if not self.begun:
            return
        every = Several.of(tuple(one.step.fault for one in self.begun))
        try:
            with undisturbed():
                self._tell("revert", standing)
                proof = undo(every, self.stack, self.before)
        except RevertFailed as failure:
            for one in standing:
                self.runner.journal.note(one.number, "revert_failed", str(failure))
            raise
        for one in reversed(standing):
            one.injection.proof, one.ended = proof, time.monotonic()
            self.runner.journal.note(one.number, "reverted")
        self._tell("proved", standing)

    def _inject(self, step: Step) -> Injection:
        fault, journal = step.fault, self.runner.journal
        self.runner.make_ready(fault)
        number = journal.intend(fault.to_json(), self.before.to_json())
        injection = Injection(fault, self.before)
        self.begun.append(Standing(step, injection, number))
        fault.inject(self.stack)
        injection.injected_seconds = time.monotonic() - injection.began
        journal.note(number, "injected")
        self.told("injected", injection)
        return injection

    def _end_early(self, one: Standing) -> None:
        """Its effect is seen to be gone; that the stack is what it was is proved at the end, when all are."""
        with undisturbed():
            self._tell("revert", [one])
            try:
                one.injection.proof = undo(one.step.fault, self.stack, self.before, only=())
            except RevertFailed as failure:
                self.runner.journal.note(one.number, "revert_failed", str(failure))
                raise
            self.runner.journal.note(one.number, "reverted")
        one.ended = time.monotonic()
        self._tell("proved", [one])

    def _tell(self, step: str, standing: list[Standing]) -> None:
        for one in reversed(standing):
            self.told(step, one.injection)


def _see(unseen: list[Injection], witness: Callable[[Injection], object]) -> None:
    while unseen:
        witness(unseen.pop(0))


def _to_nobody(_step: str, _injection: Injection) -> None:
    return


@contextmanager
def played(schedule: Schedule, stack: Stack, *, told: Told = _to_nobody) -> Iterator[Play]:
    """Ready to `begin` the schedule; whatever the block does, all of it is taken back and proved gone at its end.

    Every fault's intent is on disk, with the state before the first of them, before its effect. A revert that fails stops
    everything: no further fault of the schedule begins, the others are taken back all the same, and RevertFailed is raised
    (over whatever the block raised). Raises UserError and CannotTell before anything is injected.
    """
    runner = Runner.of(stack)
    for fault in schedule.faults:
        runner.make_ready(fault)
    before = Fingerprint.of(stack, fault=Several.of(schedule.faults))
    play = Play(schedule, stack, runner, before, told)
    try:
        yield play
    finally:
        play.end()
