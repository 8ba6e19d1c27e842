"""Carry an experiment out: steady, inject, witness, during, revert, steady again, and say what that shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.acknowledged import Acknowledged
from chaos.customers import Customers, Nobody
from chaos.effect import RevertFailed
from chaos.health import up_for
from chaos.injection import Injection
from chaos.question import Probe, Promise, asked
from chaos.sampling import Sampler
from chaos.schedule import Play, Schedule, played
from chaos.strategy import Strategy, When, spoken, unasked
from chaos.verdict import Band, Deed, Line, Outcome, Verdict
from stack.errors import CannotTell, SeatrialError, UserError
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from chaos.experiment import Experiment
    from stack.model import Stack

EVERY = timedelta(milliseconds=100)
WITNESS_WITHIN = timedelta(seconds=15)


class _Broken(Exception):
    """The hypothesis does not hold; the message says how."""


def run(
    experiment: Experiment,
    stack: Stack,
    *,
    customers: Customers | None = None,
    steady: Strategy | None = None,
    told: Callable[[Line], None] | None = None,
) -> Verdict:
    """Steady → inject → witness → during → revert → steady again. `told` hears each line as it is written.

    `steady` says when the steady state is asked for, instead of the experiment's own word; `customers` are those of the
    session's base load. Never raises for what it finds: a stack that isn't steady beforehand, a fault that can't be
    injected, a silent witness and a question that could not be asked are INCONCLUSIVE, a failed revert is REVERT_FAILED.
    KeyboardInterrupt and UserError go through, reverted.
    """
    return _Trial(experiment, stack, customers or Nobody("no base load was asked for"), steady, told).verdict()


class _Trial:
    def __init__(
        self,
        experiment: Experiment,
        stack: Stack,
        customers: Customers,
        steady: Strategy | None,
        told: Callable[[Line], None] | None,
    ) -> None:
        self.experiment = experiment
        self.stack = stack
        self.customers = customers
        self.steady = experiment.steady if steady is None else steady
        self.result = Verdict(Outcome.HELD, "", zero=time.monotonic())
        self._told = told
        self._bands: dict[str, Band] = {}
        self._reverting: dict[str, float] = {}

    def verdict(self) -> Verdict:
        try:
            self._steps()
        except _Broken as broken:
            self._end(Outcome.BROKEN, str(broken))
        except RevertFailed as failure:
            self.result.failure = failure
            for fault, began in self._reverting.items():
                self._did("rollback", f"revert {fault}", began, ok=False, said=str(failure))
            self._end(Outcome.REVERT_FAILED, str(failure))
        except UserError:
            raise
        # Not CannotTell alone: a marketplace's own refusal of what a probe needs is no answer to the hypothesis, either.
        except SeatrialError as reason:
            self._end(Outcome.INCONCLUSIVE, str(reason))
        else:
            self._end(Outcome.HELD, self.experiment.hypothesis)
        return self.result

    def _steps(self) -> None:
        experiment, stack = self.experiment, self.stack
        self._wait_for_quiet()
        self._before()
        broken: list[str] = []
        unknown: list[str] = []
        with ExitStack() as meanwhile:
            always = experiment.steady_state if When.CONTINUOUSLY in self.steady else ()
            promises = [*experiment.throughout, *(Promise(probe) for probe in always)]
            asking = [
                meanwhile.enter_context(Sampler(lambda p=p: p.probe.complaint(stack), every=EVERY))  # type: ignore[misc]
                for p in promises
            ]
            acks = meanwhile.enter_context(Acknowledged(stack)) if experiment.keeps else None
            if (ready := experiment.ready) and (complaint := self._ask(ready, "before", ready.within)):
                raise CannotTell(f"the moment for it did not come, so nothing was injected: {ready.name}: {complaint}")
            since = time.monotonic()
            with played(Schedule.of(experiment.fault), stack, told=self._hear) as play:
                broken += self._stand(play)
            self._reverted(play, since)
            broken += self._recover(time.monotonic(), "after the revert", again=experiment.unaided)
            until = time.monotonic()
            for one in asking:
                one.end()
            for promise, sampler in zip(promises, asking, strict=True):
                broken += self._kept(promise, sampler)
            if acks is not None:
                broken += self._found_again(acks)
        self._served(since, until, broken, unknown)
        if broken:
            raise _Broken("; ".join(broken))
        if When.AFTER not in self.steady:
            unknown.append(f"recovery was not looked at: the steady state was asked for {spoken(self.steady)} only")
        if unknown:
            raise CannotTell("; ".join(unknown))

    def _wait_for_quiet(self) -> None:
        """A target that was restarted a moment ago would have the engine's back-off measured instead of its recovery."""
        if self.experiment.quiet_before:
            missing = max(self.experiment.quiet_before - up_for(self.stack, name) for name in self.experiment.targets)
            if missing > timedelta(0):
                # The engine tells the start to the second.
                self.result.waited_seconds = missing.total_seconds() + 1
                pause(self.result.waited_seconds)

    def _before(self) -> None:
        """What an experiment before this one did may linger, so steadiness has a bounded time to come."""
        for missing in unasked(self.steady):
            self._say("not asked", missing)
        if When.BEFORE not in self.steady:
            return
        began = time.monotonic()
        deadline = began + self.experiment.settles_within.total_seconds()
        for probe in self.experiment.steady_state:
            left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
            if complaint := self._ask(probe, "before", left):
                waited = time.monotonic() - began
                raise CannotTell(
                    f"not steady beforehand, nor {waited:.1f} s later, so nothing was injected: {probe.name}: {complaint}"
                )
        self.result.settled_seconds = time.monotonic() - began
        settled = f" (waited for, {self.result.settled_seconds:.1f} s)" if self.result.settled_seconds > 1 else ""
        self._say("steady", "; ".join(probe.name for probe in self.experiment.steady_state) + settled)

    def _stand(self, play: Play) -> list[str]:
        """All that happens while the fault stands; gives what was wrong."""
        experiment = self.experiment
        play.begin(self._witness)
        began = play.last_began + play.begun[-1].injection.injected_seconds
        broken = self._during()
        play.hold(experiment.hold - timedelta(seconds=time.monotonic() - began))
        if experiment.unaided:
            broken += self._recover(play.last_began, "by itself")
        self._stood = time.monotonic() - began
        return broken

    def _hear(self, step: str, injection: Injection) -> None:
        fault, now = str(injection.fault), time.monotonic()
        if step == "injected":
            self._bands[fault] = Band(fault, injection.began)
            self.result.bands.append(self._bands[fault])
            self._say("inject", fault)
            self._did("method", f"inject {fault}", injection.began, ok=True)
        elif step == "revert":
            self._reverting[fault] = now
        elif step == "proved":
            self._did("rollback", f"revert {fault}", self._reverting.pop(fault), ok=True)
            if fault in self._bands:
                self._bands[fault].ended = now

    def _reverted(self, play: Play, since: float) -> None:
        ended = time.monotonic()
        self.result.overhead_seconds = max(0.0, ended - since - self._stood)
        for one in reversed(play.begun):
            if (proof := one.injection.proof) is not None:
                self._say(
                    "revert",
                    f"{one.step.fault} reverted in {proof.reverted_seconds:.2f} s, proved gone after {proof.proved_seconds:.2f} s",
                )

    def _witness(self, injection: Injection) -> None:
        fault, own = injection.fault, self.experiment.witness
        is_last = fault == self.experiment.faults[-1]

        # The fault's own witness is asked at once: what it looks at may be gone as soon as the stack has recovered.
        def look() -> str | None:
            seen = fault.witness(self.stack, injection.before)
            if seen and own is not None and is_last:
                return own(self.stack)
            return seen

        began = time.monotonic()
        try:
            seen = eventually(look, within=WITNESS_WITHIN, every=EVERY, what="the witness")
        except AssertionError as error:
            raise CannotTell(f"{fault} was injected and nothing shows that it bit") from error
        self._say("witness", seen)
        self._did("method", f"see {fault} bite", began, ok=True, said=seen)

    def _during(self) -> list[str]:
        steady = self.experiment.steady_state if When.DURING in self.steady else ()
        broken = []
        for probe in (*self.experiment.during, *steady):
            if complaint := self._ask(probe, "method", probe.within):
                broken.append(f"during {self.experiment.fault}: {probe.name}: {complaint}")
            else:
                self._say("during", probe.name)
        return broken

    def _recover(self, since: float, how: str, *, again: bool = False) -> list[str]:
        if When.AFTER not in self.steady:
            return []
        within = self.experiment.recover_within
        for probe in self.experiment.steady_state:
            left = timedelta(seconds=max(0.0, since + within.total_seconds() - time.monotonic()))
            if complaint := self._ask(probe, "after", left):
                return [f"not steady again {how} within {within.total_seconds():g} s: {probe.name}: {complaint}"]
        now = time.monotonic()
        if not again:
            self.result.recovery_seconds, self.result.recovery = now - since, (since, now)
        self._say("steady", f"steady again {how}, {now - since:.2f} s later")
        return []

    def _kept(self, promise: Promise, sampler: Sampler) -> list[str]:
        name, allowed = promise.probe.name, promise.outage.total_seconds()
        series = sampler.stop()
        self.result.series[name] = series
        self.result.allowed[name] = allowed
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

    def _found_again(self, acks: Acknowledged) -> list[str]:
        began = time.monotonic()
        losses = acks.verify()
        said = f"{acks.before} acknowledged writes before the fault, {acks.count - acks.before} from then on: {losses}"
        self._say("kept", said)
        self._did("after", "what was acknowledged is there", began, ok=not losses, said=said)
        return [f"of {acks.count} acknowledged writes: {losses}"] if losses else []

    def _served(self, since: float, until: float, broken: list[str], unknown: list[str]) -> None:
        """What the base load's customers met: always shown, and judged where they were promised something."""
        promised = self.experiment.users
        try:
            seen = self.customers.between(since, until)
        except CannotTell as reason:
            self.result.without_customers = str(reason)
            self._say("customers", f"none: {reason}")
            if promised is not None:
                unknown.append(f"customers were promised something, and there were none: {reason}")
            return
        self.result.customers = seen
        self._say("customers", str(seen))
        if promised is None:
            return
        allowed = promised.total_seconds()
        if seen.longest_outage > allowed:
            broken.append(
                f"customers: not served for {seen.longest_outage:.2f} s, allowed {allowed:g} s ({seen.worst})"
            )
        elif seen.late:
            unknown.append(f"what customers met is unknown, the load was the bottleneck: {seen.late}")

    def _ask(self, probe: Probe, phase: str, within: timedelta) -> str | None:
        began = time.monotonic()
        complaint = asked(probe, self.stack, every=EVERY, within=within)
        self._did(phase, probe.name, began, ok=complaint is None, said=complaint or "")
        return complaint

    def _did(self, phase: str, name: str, began: float, *, ok: bool, said: str = "") -> None:
        self.result.deeds.append(Deed(phase, name, began, time.monotonic(), ok, said))

    def _say(self, step: str, text: str) -> None:
        line = Line(time.monotonic() - self.result.zero, step, text)
        self.result.lines.append(line)
        if self._told:
            self._told(line)

    def _end(self, outcome: Outcome, reason: str) -> None:
        self.result.outcome, self.result.reason = outcome, reason
        self.result.ended = time.monotonic()
        self._say("verdict", f"{outcome.value}: {reason}")
