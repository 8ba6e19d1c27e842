"""The experiments for a person at a terminal: what each breaks, at which tier, what it says and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.budget import expected_of
from chaos.coverage import FAMILIES, TIERS, cells_of, matrix, table

if TYPE_CHECKING:
    from chaos.experiment import Experiment


def listing(
    experiments: Sequence[Experiment], tiers: Mapping[str, str], measured: Mapping[str, timedelta]
) -> list[str]:
    """A line an experiment, then who covers which family of faults at which tier. Seconds with a ~ are only declared."""
    expected = expected_of(measured)
    lines = []
    for one in experiments:
        cells = cells_of(one, tiers)
        families = [family for family in FAMILIES if any(cell.family == family for cell in cells)]
        hit = [tier for tier in TIERS if any(cell.tier == tier for cell in cells)]
        seconds = f"{'' if one.id in measured else '~'}{expected(one).total_seconds():.0f} s"
        lines.append(f"{one.id:<13}{'+'.join(families):<19}{'+'.join(hit):<21}{seconds:>6}  {one.hypothesis}")
    total = sum((expected(one) for one in experiments), timedelta(0)).total_seconds()
    return [
        *lines,
        "",
        f"{len(experiments)} experiments, about {total:.0f} s in all",
        "",
        table(matrix(experiments, tiers)),
    ]
