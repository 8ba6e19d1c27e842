"""An experiment is data: what is normal, what breaks, how one sees that it broke, and what must hold meanwhile and after."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from chaos.effect import Fault, RevertFailed
from chaos.injection import Injection, injected
from chaos.sampling import Sampler, Series
from stack.errors import CannotTell
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from stack.model import Stack

_EVERY = timedelta(milliseconds=100)
_WITNESS_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Probe:
    """A question about the stack with one right answer.

    `complaint` returns None when all is as it should be, else a sentence about what isn't. It raises CannotTell when it
    could not ask.
    """

    name: str
    complaint: Callable[[Stack], str | None]
    within: timedelta = timedelta(0)
    """How long it may take to come true, where that is allowed."""
    answer_within: timedelta | None = None
    """How long one answer may take, where the probe has a bound on it."""


@dataclass(frozen=True)
class Promise:
    """A probe that is asked all the time, and may complain for no longer than `outage` in one go."""

    probe: Probe
    outage: timedelta = timedelta(0)


def up_for(stack: Stack, service: str) -> timedelta:
    """How long the service's container has been up. Raises CannotTell when it isn't."""
    started = str(stack.container(service).attrs["State"]["StartedAt"])
    return datetime.now(UTC) - datetime.fromisoformat(started[:19] + "+00:00")


class Outcome(Enum):
    """What an experiment showed about its hypothesis."""

    HELD = "held"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"
    REVERT_FAILED = "revert failed"


@dataclass(frozen=True)
class Experiment:
    """One hypothesis. Raises ValueError when it has no steady state: then nothing could be said to have held."""

    id: str
    hypothesis: str
    fault: Fault
    steady_state: tuple[Probe, ...]
    during: tuple[Probe, ...] = ()
    """Must be true, within their own time, while the fault stands."""
    throughout: tuple[Promise, ...] = ()
    """Asked all the time, from before the fault until after the recovery."""
    hold: timedelta = timedelta(seconds=3)
    """How long the fault stands at least."""
    unaided: bool = False
    """Whether the stack must recover before the fault is reverted, by itself."""
    recover_within: timedelta = timedelta(seconds=30)
    severity: str = "high"
    """critical, high, medium or low: how bad it is when the hypothesis does not hold."""
    rationale: str = ""
    remediation: str = ""
    witness: Callable[[Stack], str | None] | None = None
    """Stronger evidence than the fault's own that it bit, where there is some."""
    quiet_before: timedelta = timedelta(0)
    """How long the target must have been up: the engine's restart back-off resets after 10 s of uptime only."""

    def __post_init__(self) -> None:
        if not self.steady_state:
            raise ValueError(f"{self.id}: an experiment without a steady state can't show anything")


@dataclass(frozen=True)
class Line:
    """One step of an experiment's timeline."""

    at_seconds: float
    step: str
    text: str


@dataclass
class Verdict:
    """What came of an experiment, with the timeline that shows it."""

    outcome: Outcome
    reason: str
    lines: list[Line] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    recovery_seconds: float | None = None
    """From the revert (or, unaided, from the fault) to the steady state."""
    overhead_seconds: float | None = None
    """What injecting, reverting and proving took, beyond the time the fault stood."""
    failure: RevertFailed | None = None


class _Broken(Exception):
    """The hypothesis does not hold; the message says how."""


def run(experiment: Experiment, stack: Stack, *, told: Callable[[Line], None] | None = None) -> Verdict:
    """Steady → inject → witness → during → revert → steady again. `told` hears each line as it is written.

    Never raises for what it finds: a stack that isn't steady beforehand, a fault that can't be injected and a silent
    witness are INCONCLUSIVE, a failed revert is REVERT_FAILED. KeyboardInterrupt and UserError go through, reverted.
    """
    return _Run(experiment, stack, told).verdict()


class _Run:
    def __init__(self, experiment: Experiment, stack: Stack, told: Callable[[Line], None] | None) -> None:
        self.experiment = experiment
        self.stack = stack
        self.result = Verdict(Outcome.HELD, "")
        self._told = told
        self._began = time.monotonic()

    def verdict(self) -> Verdict:
        try:
            self._steps()
        except _Broken as broken:
            self._end(Outcome.BROKEN, str(broken))
        except RevertFailed as failure:
            self.result.failure = failure
            self._end(Outcome.REVERT_FAILED, str(failure))
        except CannotTell as reason:
            self._end(Outcome.INCONCLUSIVE, str(reason))
        else:
            self._end(Outcome.HELD, self.experiment.hypothesis)
        return self.result

    def _steps(self) -> None:
        experiment, stack = self.experiment, self.stack
        self._wait_for_quiet()
        for probe in experiment.steady_state:
            if complaint := _asked(probe, stack):
                raise CannotTell(f"not steady beforehand, so nothing was injected: {probe.name}: {complaint}")
        self._say("steady", "; ".join(probe.name for probe in experiment.steady_state))
        broken: list[str] = []
        with ExitStack() as samplers:
            asking = {
                promise: samplers.enter_context(Sampler(lambda p=promise: p.probe.complaint(stack), every=_EVERY))  # type: ignore[misc]
                for promise in experiment.throughout
            }
            standing = 0.0
            with injected(experiment.fault, stack) as injection:
                began = time.monotonic()
                self._say("inject", f"{experiment.fault}")
                self._witness(injection)
                broken += self._during()
                pause(experiment.hold.total_seconds() - (time.monotonic() - began))
                if experiment.unaided:
                    broken += self._recover(injection.began, "by itself")
                standing = time.monotonic() - began
            self._say("revert", _proof(injection))
            self.result.overhead_seconds = time.monotonic() - injection.began - standing
            broken += self._recover(time.monotonic(), "after the revert", again=experiment.unaided)
        for promise, sampler in asking.items():
            broken += self._kept(promise, sampler.stop())
        if broken:
            raise _Broken("; ".join(broken))

    def _wait_for_quiet(self) -> None:
        """A target that was restarted a moment ago would have the engine's back-off measured instead of its recovery."""
        needed = self.experiment.quiet_before
        if needed:
            missing = max(needed - up_for(self.stack, name) for name in self.experiment.fault.targets)
            pause(missing.total_seconds() + 1 if missing > timedelta(0) else 0)

    def _witness(self, injection: Injection) -> None:
        own = self.experiment.witness

        # The fault's own witness is asked at once: what it looks at may be gone as soon as the stack has recovered.
        def look() -> str | None:
            seen = self.experiment.fault.witness(self.stack, injection.before)
            if seen and own is not None:
                return own(self.stack)
            return seen

        try:
            seen = eventually(look, within=_WITNESS_WITHIN, every=_EVERY, what="the witness")
        except AssertionError as error:
            raise CannotTell(f"{self.experiment.fault} was injected and nothing shows that it bit") from error
        self._say("witness", seen)

    def _during(self) -> list[str]:
        broken = []
        for probe in self.experiment.during:
            if complaint := _asked(probe, self.stack):
                broken.append(f"during {self.experiment.fault}: {probe.name}: {complaint}")
            else:
                self._say("during", probe.name)
        return broken

    def _recover(self, since: float, how: str, *, again: bool = False) -> list[str]:
        within = self.experiment.recover_within
        for probe in self.experiment.steady_state:
            left = timedelta(seconds=max(0.0, since + within.total_seconds() - time.monotonic()))
            if complaint := _asked(Probe(probe.name, probe.complaint, left), self.stack):
                return [f"not steady again {how} within {within.total_seconds():g} s: {probe.name}: {complaint}"]
        took = time.monotonic() - since
        if not again:
            self.result.recovery_seconds = took
        self._say("steady", f"steady again {how}, {took:.2f} s later")
        return []

    def _kept(self, promise: Promise, series: Series) -> list[str]:
        name, allowed = promise.probe.name, promise.outage.total_seconds()
        self.result.series[name] = series
        if not series.samples:
            raise CannotTell(f"{name}: was never asked")
        self._say(
            "throughout",
            f"{name}: {series.failures} of {len(series.samples)} answers wrong, longest {series.longest_outage:.2f} s",
        )
        if series.longest_outage > allowed:
            return [
                f"{name}: not for {series.longest_outage:.2f} s, allowed {allowed:g} s ({series.first_complaint()})"
            ]
        return []

    def _say(self, step: str, text: str) -> None:
        line = Line(time.monotonic() - self._began, step, text)
        self.result.lines.append(line)
        if self._told:
            self._told(line)

    def _end(self, outcome: Outcome, reason: str) -> None:
        self.result.outcome, self.result.reason = outcome, reason
        self._say("verdict", f"{outcome.value}: {reason}")


def _asked(probe: Probe, stack: Stack) -> str | None:
    """The last complaint when it did not come true within its time; None when it did. CannotTell when nobody could ask."""
    last: list[str | None] = [None]

    def fine() -> bool:
        last[0] = probe.complaint(stack)
        return last[0] is None

    try:
        eventually(fine, within=probe.within, every=_EVERY, what=probe.name)
    except AssertionError:
        return last[0]
    return None


def _proof(injection: Injection) -> str:
    if injection.proof is None:
        return "reverted"
    return f"reverted in {injection.proof.reverted_seconds:.2f} s, fingerprint equal after {injection.proof.proved_seconds:.2f} s"
