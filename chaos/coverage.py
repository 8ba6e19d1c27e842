"""What the experiments cover: which family of faults has been tried against which tier of the stack's services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chaos.experiment import Experiment
    from stack.profile import Profile

FAMILIES = ("container", "network", "resource", "data", "configuration")
"""The catalogue's (design/faults.md)."""
TIERS = ("critical", "important", "auxiliary")
"""A profile's, the most important first."""


class Cell(NamedTuple):
    """A family of faults against a tier of services."""

    family: str
    tier: str

    def __str__(self) -> str:
        return f"{self.family} × {self.tier}"


CELLS = tuple(Cell(family, tier) for family in FAMILIES for tier in TIERS)


def tiers_of(profile: Profile) -> dict[str, str]:
    """Each service's tier, of those that the profile names."""
    return {name: service.tier for name, service in profile.services.items()}


def cells_of(experiment: Experiment, tiers: Mapping[str, str]) -> frozenset[Cell]:
    """What an experiment covers: each of its faults against the tier of each of that fault's targets."""
    return frozenset(
        Cell(fault.family, tiers[name]) for fault in experiment.faults for name in fault.targets if name in tiers
    )


def matrix(experiments: Iterable[Experiment], tiers: Mapping[str, str]) -> dict[Cell, list[str]]:
    """For every cell the ids of the experiments that cover it; a cell that nobody covers is there, and empty."""
    found: dict[Cell, list[str]] = {cell: [] for cell in CELLS}
    for experiment in experiments:
        for cell in cells_of(experiment, tiers) & found.keys():
            found[cell].append(experiment.id)
    return {cell: sorted(ids) for cell, ids in found.items()}


def table(covered: Mapping[Cell, Iterable[str]]) -> str:
    """The matrix for a terminal: a row a family, a column a tier, the ids of who covers it."""
    lines = []
    for family in FAMILIES:
        lines.append(family)
        for tier in TIERS:
            ids = list(covered.get(Cell(family, tier), ()))
            lines.append(f"  {tier:<10} {len(ids):>2}  {', '.join(ids) or 'nobody'}")
    return "\n".join(lines)
