"""The verdict as metrics, for node_exporter's textfile collector: a dashboard then shows readiness over time.

Source of the form: the Prometheus text exposition format, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from reports.scorecard import Scorecard, Tally


def render(card: Scorecard) -> str:
    """Score and coverage as ratios, the tier as a number (0 not ready, 1 staging, 2 production), checks by area and outcome."""
    lines: list[str] = []

    def metric(name: str, help_: str, samples: Iterable[tuple[str, float]]) -> None:
        lines.append(f"# HELP seatrial_{name} {help_}")
        lines.append(f"# TYPE seatrial_{name} gauge")
        lines.extend(f"seatrial_{name}{labels} {value:.10g}" for labels, value in samples)

    areas = {f'{{area="{area.value}"}}': one for area, one in card.areas.items()}
    metric("score_ratio", "Share of the weight that passed.", _known(areas, "score"))
    metric("coverage_ratio", "Share of the questions that were answered.", _known(areas, "coverage"))
    checks = [
        (f'{{area="{area.value}",outcome="{outcome.name.lower()}"}}', float(number))
        for area, one in card.areas.items()
        for outcome, number in one.counts.items()
        if sum(one.counts.values())
    ]
    metric("checks", "Checks by area and outcome.", checks)
    if not card.partial:
        metric("tier", "Tier reached: 0 not ready, 1 staging, 2 production.", [("", float(card.tier))])
        metric("blockers", "What stands in the way of the next tier.", [("", float(len(card.blockers)))])
    started = datetime.fromisoformat(str(card.run.manifest["started"])).timestamp()
    metric("run_start_timestamp_seconds", "When the run was started.", [("", started)])
    return "\n".join(lines) + "\n"


def _known(areas: Mapping[str, Tally], name: str) -> list[tuple[str, float]]:
    values = ((labels, getattr(one, name)) for labels, one in areas.items())
    return [(labels, value / 100) for labels, value in values if value is not None]
