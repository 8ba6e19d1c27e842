"""A verdict as a chronicle: everything that has a time, counted from the experiment's zero, as plain data for the reports."""

from __future__ import annotations

from typing import Any

from chaos.sampling import Series
from chaos.verdict import Verdict


def chronicle(verdict: Verdict) -> dict[str, Any]:
    """The form that `suites.chronicle.Chronicle.from_json` reads; times in seconds, to the millisecond."""
    zero = verdict.zero

    def since(moment: float) -> float:
        return round(moment - zero, 3)

    def span(text: str, began: float, ended: float | None) -> dict[str, Any]:
        return {"text": text, "from_seconds": since(began), "to_seconds": None if ended is None else since(ended)}

    def answers(series: Series) -> list[list[Any]]:
        return [
            [since(one.at), round(one.seconds, 3), *([one.complaint] if one.complaint else [])]
            for one in series.samples
        ]

    met = verdict.customers
    return {
        "began": verdict.began.isoformat(),
        "seconds": since(verdict.ended),
        "experiment": {},
        "steps": [
            {
                "phase": deed.phase,
                "name": deed.name,
                "at_seconds": since(deed.began),
                "seconds": round(deed.ended - deed.began, 3),
                "ok": deed.ok,
                "said": deed.said,
            }
            for deed in verdict.deeds
        ],
        "faults": [span(band.fault, band.began, band.ended) for band in verdict.bands],
        "recoveries": [span("recovery", *verdict.recovery)] if verdict.recovery else [],
        "tracks": [
            {"name": name, "allowed_seconds": verdict.allowed.get(name), "answers": answers(series)}
            for name, series in verdict.series.items()
        ],
        "traffic": [
            [
                since(step.at),
                step.requests,
                step.errors,
                None if step.p95_seconds is None else round(step.p95_seconds, 3),
            ]
            for step in (met.steps if met else ())
        ],
        "alerts": [],
    }
