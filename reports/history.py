"""The verdicts before this one, read from the scorecards beside it: whether things get better is half of the question.

Why this exists: a single score can't say in which direction a release moves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reports.render.json_ import SCHEMA, VERSION
from reports.text import printable

_MOST = 30


@dataclass(frozen=True)
class Past:
    """An earlier verdict on the same project; score in per cent."""

    started: datetime
    verdict: str
    score: float
    commit: str


def before(folder: Path, project: object) -> tuple[Past, ...]:
    """The verdicts on ``project`` beside ``folder``, oldest first, at most the last thirty.

    Runs without a verdict, other projects and files that aren't scorecards of ours are passed over: they are no history of this.
    """
    found = []
    beside = sorted(path for path in folder.parent.iterdir() if path != folder and not path.is_symlink())
    for path in beside:
        if (past := _read(path / "scorecard.json", project)) is not None:
            found.append(past)
    return tuple(sorted(found, key=lambda one: one.started)[-_MOST:])


def _read(path: Path, project: object) -> Past | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        ours = (data["schema"], data["version"], data["manifest"].get("project")) == (SCHEMA, VERSION, project)
        if not ours or not data["manifest"].get("gate") or data["score"] is None:
            return None  # nobody asked it for a verdict
        started = datetime.fromisoformat(data["manifest"]["started"])
        commit = str(data["manifest"].get("commit") or "")[:12]
        return Past(started, printable(str(data["verdict"])), float(data["score"]), printable(commit))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # not a scorecard of ours
