"""What happened in experiments as Chaos Toolkit journals it, for whatever reads its journals.

The form is https://chaostoolkit.org/reference/api/journal/: one object an experiment. What it has no word for (our outcome, what
users met, alerts, the outage that was allowed) is under `x-seatrial`, where programs that don't know it pass by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from reports.outcome import Outcome, Result
from reports.scorecard import Scorecard
from stack.errors import UserError
from suites.chronicle import Answer, Chronicle, Step, Track

_STATUS = {Outcome.PASS: "completed", Outcome.FAIL: "completed"}
"""By outcome; anything else is `failed`: it broke off for a reason that nobody foresaw."""


def journals(card: Scorecard) -> dict[str, dict[str, Any]]:
    """A journal for each experiment of the run, by the check's id (and its subject, where the id has several)."""
    found = [result for one in card.checks for result in one.results if result.chronicle is not None]
    names = [_name(result) for result in found]
    by_name = sorted(zip(names, found, strict=True), key=lambda pair: pair[0])
    return {name: journal_of(result, card.run.manifest) for name, result in by_name}


def render(card: Scorecard) -> str:
    """All of them in one file: a list, empty when no experiment was carried out."""
    return _text(list(journals(card).values()))


def files(card: Scorecard) -> dict[str, str]:
    """Each in a file of its own, as Chaos Toolkit writes them and `chaos report` reads them."""
    return {re.sub(r"[^A-Za-z0-9-]+", "-", name) + ".json": _text(one) for name, one in journals(card).items()}


def one_of(card: Scorecard, id: str | None) -> str:
    """The journal of the experiment `id`, or the list of all. Raises UserError when there is none."""
    found = journals(card)
    if id is None:
        return render(card)
    if id not in found:
        raise UserError(
            f"the run has no journal of {id} (it has {', '.join(found) or 'none: no experiment was carried out'})"
        )
    return _text(found[id])


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def journal_of(result: Result, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The journal of one result, which must have a chronicle."""
    chronicle = result.chronicle
    assert chronicle is not None  # only those are asked for
    when = _Clock(chronicle)
    spoken = [_activity(chronicle, step, when) for step in chronicle.steps if step.phase == "method"]
    undone = [_activity(chronicle, step, when) for step in chronicle.steps if step.phase == "rollback"]
    return {
        "chaoslib-version": f"seatrial {manifest.get('versions', {}).get('seatrial', 'unknown')}",
        "platform": str((manifest.get("host") or {}).get("system", "unknown")),
        "node": str((manifest.get("host") or {}).get("node", "unknown")),
        "experiment": dict(chronicle.experiment),
        "start": when(0),
        "status": "failed" if result.revert_failed else _STATUS.get(result.outcome, "failed"),
        "deviated": result.outcome is Outcome.FAIL,
        "steady_states": {
            "before": _state(chronicle, "before", when),
            "after": _state(chronicle, "after", when),
            "during": list(_during(chronicle, when)),
        },
        "run": spoken,
        "rollbacks": undone,
        "end": when(chronicle.seconds),
        "duration": chronicle.seconds,
        "x-seatrial": _beyond(result, chronicle),
    }


class _Clock:
    def __init__(self, chronicle: Chronicle) -> None:
        self._began = datetime.fromisoformat(chronicle.began)

    def __call__(self, seconds: float) -> str:
        return (self._began + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")

    def times(self, at: float, seconds: float) -> dict[str, Any]:
        return {"start": self(at), "end": self(at + seconds), "duration": round(seconds, 3)}


def _name(result: Result) -> str:
    return result.id if result.subject in ("", result.id) else f"{result.id} {result.subject}"


def _activity(chronicle: Chronicle, step: Step, when: _Clock) -> dict[str, Any]:
    return {
        "activity": _declared(chronicle.experiment, step.name, "action" if step.phase == "rollback" else "probe"),
        "output": step.said or None,
        "status": "succeeded" if step.ok else "failed",
        **when.times(step.at_seconds, step.seconds),
        **({} if step.ok else {"exception": [step.said]}),
    }


def _state(chronicle: Chronicle, phase: str, when: _Clock) -> dict[str, Any] | None:
    """The steady state before or after; None when it was not asked for."""
    steps = [step for step in chronicle.steps if step.phase == phase]
    if not steps:
        return None
    probes = [
        _answered(chronicle, step.name, step.ok, step.said) | when.times(step.at_seconds, step.seconds)
        for step in steps
    ]
    return {"steady_state_met": all(step.ok for step in steps), "probes": probes}


def _during(chronicle: Chronicle, when: _Clock) -> Iterator[dict[str, Any]]:
    """What was asked all the time. Answers alike and in a row are one entry, which says how many there were."""
    entries = []
    for track in chronicle.tracks:
        for answers in _alike(track):
            first, last = answers[0], answers[-1]
            lasted = last.at_seconds + last.seconds - first.at_seconds
            probe = _answered(chronicle, track.name, not first.complaint, first.complaint) | when.times(
                first.at_seconds, lasted
            )
            facts = {"answers": len(answers), "slowest_seconds": max(one.seconds for one in answers)}
            state = {"steady_state_met": not first.complaint, "probes": [probe], "x-seatrial": facts}
            entries.append((first.at_seconds, state))
    yield from (state for _, state in sorted(entries, key=lambda entry: entry[0]))


def _alike(track: Track) -> Iterator[list[Answer]]:
    row: list[Answer] = []
    for answer in track.answers:
        if row and answer.complaint != row[-1].complaint:
            yield row
            row = []
        row.append(answer)
    if row:
        yield row


def _answered(chronicle: Chronicle, name: str, ok: bool, said: str) -> dict[str, Any]:
    activity = _declared(chronicle.experiment, name, "probe")
    tolerance = activity.get("tolerance")
    return {
        "activity": activity,
        "output": said or (tolerance if isinstance(tolerance, str) else None),
        "status": "succeeded",
        "tolerance_met": ok,
    }


def _declared(experiment: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    """The activity of that name as the experiment has it; what it has not (a promise, what was acknowledged) by its name."""
    for activity in _activities(experiment):
        if activity.get("name") == name:
            return activity
    return {"type": kind, "name": name, "provider": {"type": "python", "module": "seatrial", "func": "asked"}}


def _activities(experiment: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    hypothesis = experiment.get("steady-state-hypothesis")
    lists = [
        hypothesis.get("probes") if isinstance(hypothesis, Mapping) else None,
        experiment.get("method"),
        experiment.get("rollbacks"),
    ]
    return [one for some in lists if isinstance(some, list) for one in some if isinstance(one, dict)]


def _beyond(result: Result, chronicle: Chronicle) -> dict[str, Any]:
    told = chronicle.to_json()
    kept = {name: told[name] for name in ("faults", "recoveries", "traffic", "alerts")}
    promised = {track.name: track.allowed_seconds for track in chronicle.tracks}
    return {
        "id": result.id,
        "outcome": result.outcome.name,
        "reason": result.reason,
        "revert_failed": result.revert_failed,
        "allowed_outage_seconds": promised,
        **kept,
    }
