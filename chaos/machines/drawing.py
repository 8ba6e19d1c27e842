"""Draws a list of steps from a model with Hypothesis: generate phase only, no database, no shrinking, nothing live in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from chaos.machines.plan import Step

DRAWN_BY = f"hypothesis {hypothesis.__version__}"
_ROUNDS, _LISTS = 30, 4
"""How many lists are drawn at most until one is worth it: Hypothesis leaves some rules out in each (swarm testing). The first of
each round is the simplest one there is, whatever the seed, and is not taken."""


class Drawing(RuleBasedStateMachine):
    """A model whose rules write down steps with `do`, and change the model as if each were done."""

    def __init__(self) -> None:
        """Begin with no steps."""
        super().__init__()
        self.drawn: list[Step] = []

    def do(self, name: str, **parameters: Any) -> None:
        """Write a step down."""
        self.drawn.append(Step(name, parameters))


def draw(
    rules: type[Drawing], *, seed: int, steps: int, is_worth_it: Callable[[Sequence[Step]], bool]
) -> tuple[Step, ...]:
    """The first list of `steps` steps that is worth it, of those that this seed gives.

    Raises ValueError when none is: then the rules, or `steps`, are wrong.
    """
    for number in range(_ROUNDS):
        for drawn in _round(rules, f"{seed}.{number}", steps)[1:]:
            if is_worth_it(drawn[:steps]):
                return tuple(drawn[:steps])
    raise ValueError(f"none of the lists of {steps} steps that seed {seed} gives is worth performing")


def _round(rules: type[Drawing], seed: str, steps: int) -> list[list[Step]]:
    lists: list[list[Step]] = []

    class Kept(rules):  # type: ignore[misc,valid-type]  # a base that is only known here
        def teardown(self) -> None:
            lists.append(self.drawn)

    run_state_machine_as_test(
        hypothesis.seed(seed)(Kept),
        settings=settings(
            max_examples=_LISTS,
            stateful_step_count=steps,
            phases=(Phase.generate,),
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=tuple(HealthCheck),
        ),
    )
    return lists
