"""What happened second by second while something was broken on purpose: the form in which an experiment hands it to the reports.

Why this exists: a timeline picture and a journal for other programs are made from results alone, long after the stack is
gone, by code that knows nothing of faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PHASES = ("before", "method", "after", "rollback")


@dataclass(frozen=True)
class Step:
    """One thing the experiment did or asked: in which of `PHASES`, when, for how long, whether it came off, what was said."""

    phase: str
    name: str
    at_seconds: float
    seconds: float
    ok: bool
    said: str = ""


@dataclass(frozen=True)
class Span:
    """Something that lasted: a fault that stood, a recovery, an alert that fired. None: it had not ended at the end."""

    text: str
    from_seconds: float
    to_seconds: float | None


@dataclass(frozen=True)
class Answer:
    """One answer to a question that was asked all the time; an empty complaint is a right answer."""

    at_seconds: float
    seconds: float
    complaint: str = ""


@dataclass(frozen=True)
class Track:
    """One question's answers, in the order of asking, and the longest outage it was allowed (None: nothing was promised)."""

    name: str
    answers: tuple[Answer, ...]
    allowed_seconds: float | None = None

    @property
    def outages(self) -> tuple[tuple[float, float], ...]:
        """Begin and end of each: from asking what was answered wrongly to the arrival of the next right answer, or the last."""
        found: list[tuple[float, float]] = []
        began: float | None = None
        for one in self.answers:
            if one.complaint:
                began = one.at_seconds if began is None else began
            elif began is not None:
                found.append((began, one.at_seconds + one.seconds))
                began = None
        if began is not None:
            found.append((began, self.answers[-1].at_seconds + self.answers[-1].seconds))
        return tuple(found)


@dataclass(frozen=True)
class Traffic:
    """What users met in one second: how many asked, how many in vain, and how long 95 of 100 waited at most (None: nobody asked)."""

    at_seconds: float
    requests: int
    errors: int
    p95_seconds: float | None = None


@dataclass(frozen=True)
class Chronicle:
    """The whole of it. Every time is in seconds from `began`, which is UTC."""

    began: str
    seconds: float
    experiment: Mapping[str, Any] = field(default_factory=dict)
    """The experiment in Chaos Toolkit's form."""
    steps: tuple[Step, ...] = ()
    faults: tuple[Span, ...] = ()
    recoveries: tuple[Span, ...] = ()
    tracks: tuple[Track, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    alerts: tuple[Span, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data; an answer is a list of two or, when it was wrong, three, because there are hundreds."""
        return {
            "began": self.began,
            "seconds": _ms(self.seconds),
            "experiment": dict(self.experiment),
            "steps": [
                {
                    "phase": s.phase,
                    "name": s.name,
                    "at_seconds": _ms(s.at_seconds),
                    "seconds": _ms(s.seconds),
                    "ok": s.ok,
                    "said": s.said,
                }
                for s in self.steps
            ],
            "faults": [_span(one) for one in self.faults],
            "recoveries": [_span(one) for one in self.recoveries],
            "tracks": [
                {
                    "name": t.name,
                    "allowed_seconds": t.allowed_seconds,
                    "answers": [
                        [_ms(a.at_seconds), _ms(a.seconds), *([a.complaint] if a.complaint else [])] for a in t.answers
                    ],
                }
                for t in self.tracks
            ],
            "traffic": [
                [
                    _ms(one.at_seconds),
                    one.requests,
                    one.errors,
                    None if one.p95_seconds is None else _ms(one.p95_seconds),
                ]
                for one in self.traffic
            ],
            "alerts": [_span(one) for one in self.alerts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Chronicle:
        """What `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        experiment = data["experiment"]
        if not isinstance(experiment, Mapping):
            raise TypeError("a chronicle's experiment is an object")
        return cls(
            began=datetime.fromisoformat(data["began"]).isoformat(),
            seconds=_number(data["seconds"]),
            experiment=experiment,
            steps=tuple(_step(one) for one in data["steps"]),
            faults=_spans(data["faults"]),
            recoveries=_spans(data["recoveries"]),
            tracks=tuple(_track(one) for one in data["tracks"]),
            traffic=tuple(_traffic(*one) for one in data["traffic"]),
            alerts=_spans(data["alerts"]),
        )


def _ms(seconds: float) -> float:
    return round(seconds, 3)


def _span(one: Span) -> dict[str, Any]:
    ended = None if one.to_seconds is None else _ms(one.to_seconds)
    return {"text": one.text, "from_seconds": _ms(one.from_seconds), "to_seconds": ended}


def _spans(data: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(
        Span(
            _text(one["text"]),
            _number(one["from_seconds"]),
            None if one["to_seconds"] is None else _number(one["to_seconds"]),
        )
        for one in data
    )


def _step(data: Mapping[str, Any]) -> Step:
    if data["phase"] not in PHASES:
        raise ValueError(f"{data['phase']!r} is no phase of an experiment")
    return Step(
        data["phase"],
        _text(data["name"]),
        _number(data["at_seconds"]),
        _number(data["seconds"]),
        bool(data["ok"]),
        _text(data["said"]),
    )


def _track(data: Mapping[str, Any]) -> Track:
    allowed = data["allowed_seconds"]
    answers = tuple(
        Answer(_number(one[0]), _number(one[1]), _text(one[2]) if len(one) > 2 else "") for one in data["answers"]
    )
    return Track(_text(data["name"]), answers, None if allowed is None else _number(allowed))


def _traffic(at: Any, requests: Any, errors: Any, p95: Any) -> Traffic:
    return Traffic(_number(at), int(requests), int(errors), None if p95 is None else _number(p95))


def _number(value: Any) -> float:
    found = float(value)
    if not -1e9 < found < 1e9:  # nor NaN: a picture has to be drawn of it
        raise ValueError(f"{value!r} is no time in an experiment")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
