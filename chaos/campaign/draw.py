"""Draws who is killed, when, in which fault: uniformly over fault × step × victim, and from a seed, so that a failure comes again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

STEPS = ("intent", "injecting", "effect", "injected", "standing", "revert", "reverting", "reverted", "proved")
"""In the order of their coming: the intent is on disk; some moment of the injection; it is done and the journal has not heard of
it; it has; the fault stands; the revert begins; some moment of it; it is done and not proved; it is proved."""

VICTIMS = ("runner", "watchdog", "runner and watchdog", "helper", "target")
"""With runner and watchdog both dead nobody is left to heal: a person's `python -m chaos heal` does. Where the fault has no
helper at that moment the runner is killed instead."""


@dataclass(frozen=True)
class Kill:
    """One draw. `fraction` is the moment within a step that takes time: 0 is its start, 1 its usual end."""

    number: int
    effect: str
    step: str
    victim: str
    fraction: float

    def to_json(self) -> dict[str, Any]:
        """For the process that is to die."""
        return asdict(self)

    def __str__(self) -> str:
        return f"kill {self.number}: {self.effect}, the {self.victim} at '{self.step}'"


def draw(
    seed: int, number: int, effects: Sequence[str], steps: Sequence[str] = STEPS, victims: Sequence[str] = VICTIMS
) -> Kill:
    """The kill of that number. It depends on nothing but the arguments, so one kill can be repeated without those before it."""
    random_ = random.Random(f"{seed}:{number}")
    return Kill(
        number, random_.choice(effects), random_.choice(steps), random_.choice(victims), round(random_.random(), 3)
    )
