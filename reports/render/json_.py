"""The scorecard as data, for programs: the form is published in reports/schema/scorecard.schema.json."""

from __future__ import annotations

import json
from typing import Any

from reports.scorecard import CheckScore, Scorecard, Tally

SCHEMA = "seatrial.scorecard"
VERSION = 1


def render(card: Scorecard) -> str:
    """The scorecard as JSON text."""
    return json.dumps(as_data(card), ensure_ascii=False, separators=(",", ":")) + "\n"


def as_data(card: Scorecard) -> dict[str, Any]:
    """The scorecard as plain data; score and coverage in per cent, null where there is nothing to assess."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "verdict": card.verdict,
        "tier": card.tier.name,
        "partial": card.partial,
        **_tally(card.total),
        "areas": {area.value: _tally(one) for area, one in card.areas.items()},
        "obstacles": {
            tier.name: [{"about": one.about, "why": one.why} for one in found] for tier, found in card.obstacles.items()
        },
        "boxes": [
            {"name": box.name, "ticked": state.ticked, "applies": state.applies, "ids": list(box.ids),
             "open": list(state.open), "missing": list(state.missing)}
            for box, state in card.boxes
        ],
        "waivers": [one.to_json() | {"days_left": one.days_left(card.today)} for one in card.waivers],
        "findings": list(card.findings),
        "exclusions": list(card.run.exclusions),
        "judged_on": card.today.isoformat(),
        "checks": [_check(one) for one in card.checks],
        "manifest": dict(card.run.manifest),
    }  # fmt: skip


def _tally(one: Tally) -> dict[str, Any]:
    return {
        "score": one.score,
        "coverage": one.coverage,
        "counts": {outcome.name: number for outcome, number in one.counts.items()},
        "excluded": one.excluded,
    }


def _check(one: CheckScore) -> dict[str, Any]:
    return {
        "id": one.entry.id,
        "title": one.entry.title,
        "area": one.entry.area.value,
        "severity": one.entry.severity.value,
        "outcome": one.outcome.name,
        "reason": one.reason,
        "waived": bool(one.waivers),
        "excluded": one.excluded,
        "instances": {result.subject: result.outcome.name for result in one.results},
    }
