"""Each fault once or more with nobody killed: does it bite, is it taken back and proved gone, and what does all that take?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos.campaign.trial import Judge
from chaos.effect import RevertFailed
from chaos.examples import Example
from chaos.injection import injected
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_BITES_WITHIN = timedelta(seconds=15)
_OFTEN = timedelta(milliseconds=20)
_QUICKLY = 3.0


@dataclass
class Round:
    """One injection. Seconds, and what was seen."""

    preparing: float = 0.0
    """Before the effect is asked for: the leftovers, the watchdog, the fingerprint, the intent."""
    injecting: float = 0.0
    witnessing: float = 0.0
    reverting: float = 0.0
    proving: float = 0.0
    """After the revert: until the fault is not seen any more and the fingerprint is what it was."""
    total: float = 0.0
    """All of it, beyond the time the fault is made to stand (none)."""
    witnessed: str = ""
    failure: str = ""
    leftovers: tuple[str, ...] = ()


@dataclass
class Calm:
    """All rounds of one effect; `reason` when this machine can't have it."""

    effect: str
    family: str
    rounds: list[Round] = field(default_factory=list)
    reason: str = ""

    @property
    def overhead_seconds(self) -> float:
        """The median of what a round takes; 0 without one."""
        return statistics.median(one.total for one in self.rounds) if self.rounds else 0.0

    @property
    def usually(self) -> tuple[float, float]:
        """The median seconds of an injection and of a revert."""
        if not self.rounds:
            return 0.0, 0.0
        return statistics.median(one.injecting for one in self.rounds), statistics.median(
            one.reverting for one in self.rounds
        )

    def count(self, seen: Callable[[Round], object]) -> str:
        """In how many rounds: `3/3`."""
        return f"{sum(bool(seen(one)) for one in self.rounds)}/{len(self.rounds)}"

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        rounds = [vars(one) for one in self.rounds]
        return {"effect": self.effect, "family": self.family, "reason": self.reason, "rounds": rounds}


def rounds_of(example: Example, stack: Stack, judge: Judge | None, count: int) -> Calm:
    """Inject it `count` times, each as soon as the last has been proved gone (and judged, with a judge).

    A machine that can't have the fault is an answer, with its reason. Raises CannotTell when the judge can't judge.
    """
    calm = Calm(example.fault.effect, example.fault.family)
    for _ in range(count):
        one = Round()
        try:
            _go_through(one, example, stack)
        except RevertFailed as error:
            one.failure = str(error)
        except CannotTell as error:
            calm.reason = str(error)
            return calm
        one.leftovers = judge.leftovers() if judge else ()
        calm.rounds.append(one)
    return calm


def _go_through(one: Round, example: Example, stack: Stack) -> None:
    began = time.monotonic()
    with injected(example.fault, stack) as injection:
        one.preparing = injection.began - began
        one.injecting = injection.injected_seconds
        standing = time.monotonic()

        def look() -> str | None:
            seen = example.fault.witness(stack, injection.before)
            if not seen:
                with suppress(CannotTell):  # what is broken may not be able to ask
                    stack.container("client").exec(example.stir, timeout_seconds=_QUICKLY)
            return seen

        with suppress(AssertionError):  # it did not bite, and that is what `witnessed` is without
            one.witnessed = eventually(look, within=_BITES_WITHIN, every=_OFTEN, what="the witness")
        one.witnessing = time.monotonic() - standing
    one.total = time.monotonic() - began
    if injection.proof is not None:
        one.reverting = injection.proof.reverted_seconds
        one.proving = injection.proof.proved_seconds - injection.proof.reverted_seconds
