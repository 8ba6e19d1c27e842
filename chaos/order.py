"""In which order experiments run, so that nobody waits: kills of one service stand apart, other stacks come last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.experiment import Experiment

Expected = Callable[["Experiment"], timedelta]


def spaced(experiments: Iterable[Experiment], expected: Expected) -> list[Experiment]:
    """The experiments so that one that needs its target left alone comes late enough after what disturbed it.

    Each time the next is the first, of those that need not wait, that is the most hindered by others; where all must wait, the
    one that waits the least. Those on a stage of their own come last, stage by stage. Pure, and the same for the same input.
    """
    here = [one for one in experiments if one.stage is None]
    elsewhere = [one for one in experiments if one.stage is not None]
    elsewhere.sort(key=lambda one: (one.stage.name if one.stage else "", one.id))
    ordered: list[Experiment] = []
    disturbed: dict[str, timedelta] = {}
    now = timedelta(0)
    left = sorted(here, key=lambda one: (-_hindered(one, here), one.id))
    while left:
        after = disturbed.keys() & {name for one in ordered[-1:] for name in one.targets}
        chosen = min(
            left, key=lambda one: (_wait(one, disturbed, now), bool(after & set(one.targets)), left.index(one))
        )
        left.remove(chosen)
        now += _wait(chosen, disturbed, now) + expected(chosen)
        disturbed |= dict.fromkeys(chosen.targets, now)
        ordered.append(chosen)
    return [*ordered, *elsewhere]


def _wait(one: Experiment, disturbed: dict[str, timedelta], now: timedelta) -> timedelta:
    ends = [disturbed[name] + one.quiet_before for name in one.targets if name in disturbed and one.quiet_before]
    return max([timedelta(0), *(end - now for end in ends)])


def _hindered(one: Experiment, among: list[Experiment]) -> int:
    """How many others disturb a target that this one needs left alone."""
    if not one.quiet_before:
        return 0
    return sum(bool(set(one.targets) & set(other.targets)) for other in among if other is not one)
