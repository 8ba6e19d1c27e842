"""Performs a list on a system: each step on disk before it is done, each violation written down when it is seen, for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chaos.effect import RevertFailed
from chaos.machines.machine import System
from chaos.machines.plan import Plan, PlanFile
from stack.errors import CannotTell

BOUND = timedelta(seconds=60)
"""How long steps are begun unless somebody says otherwise; what stands then is ended and judged, which takes what it takes."""


@dataclass
class Performed:
    """What came of a list."""

    plan: Plan
    done: int = 0
    """How many steps were begun."""
    violations: list[str] = field(default_factory=list)
    """What was seen to be not true. Nothing that is seen later takes one back."""
    unsure: str = ""
    """Why it could not be told, where it could not."""
    failure: RevertFailed | None = None
    """A fault that could not be proved gone."""
    out_of_time: bool = False
    """Whether the bound ended it before the last step."""
    seconds: float = 0.0
    timeline: list[tuple[float, str]] = field(default_factory=list)

    @property
    def holds(self) -> bool | None:
        """True, False, or None for what can't be told. A violation weighs more than a doubt."""
        if self.violations:
            return False
        return None if self.unsure or self.failure else True

    @property
    def reason(self) -> str:
        """Why it does not hold, or can't be told."""
        return "; ".join([*self.violations, *filter(None, (str(self.failure or ""), self.unsure))])


def perform(plan: Plan, system: System, file: PlanFile, *, within: timedelta = BOUND) -> Performed:
    """Do the steps one after the other, look after each, end what stands, and look once more.

    The first violation ends it: what comes after says nothing new. Whatever the steps raise, what stands is ended.
    """
    return _Performance(plan, system, file, within).performed()


class _Performance:
    def __init__(self, plan: Plan, system: System, file: PlanFile, within: timedelta) -> None:
        self._plan, self._system, self._file = plan, system, file
        self._began = time.monotonic()
        self._deadline = self._began + within.total_seconds()
        self._result = Performed(plan)

    def performed(self) -> Performed:
        result = self._result
        self._guarded(self._steps)
        self._guarded(self._system.end)
        if result.holds:
            self._guarded(lambda: self._judge(self._system.finish()))
        result.seconds = time.monotonic() - self._began
        word = {True: "held", False: "broken", None: "can't be told"}[result.holds]
        self._note(
            "end", f"{word} after {result.done} of {len(self._plan.steps)} steps: {result.reason or 'nothing to tell'}"
        )
        return result

    def _guarded(self, call: Callable[[], None]) -> None:
        result = self._result
        try:
            call()
        except AssertionError as error:
            self._judge([str(error)])
        except RevertFailed as failure:
            result.failure = result.failure or failure
        except CannotTell as reason:
            result.unsure = result.unsure or str(reason)
        except Exception as error:
            # Whatever else goes wrong must not make what was seen unseen.
            if not result.violations:
                raise
            result.unsure = result.unsure or f"{type(error).__name__}: {error}"

    def _steps(self) -> None:
        result = self._result
        for step in self._plan.steps:
            if time.monotonic() >= self._deadline:
                result.out_of_time = True
                self._note("end", f"no time for the other {len(self._plan.steps) - result.done} steps")
                return
            self._file.step(step)
            result.done += 1
            self._note("came", f"{step}: {self._system.perform(step)}")
            self._judge(self._system.complaints())
            if result.violations:
                return

    def _judge(self, complaints: Sequence[str]) -> None:
        for complaint in complaints:
            if complaint not in self._result.violations:
                # On disk before anything else is done: a lost order seen once is lost, whatever is seen later.
                self._file.note("broken", complaint)
                self._result.violations.append(complaint)
                self._result.timeline.append((time.monotonic() - self._began, f"NOT TRUE: {complaint}"))

    def _note(self, kind: str, text: str) -> None:
        self._file.note(kind, text)
        self._result.timeline.append((time.monotonic() - self._began, text))
