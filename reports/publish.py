"""From a recorded run to everything people read: the one road that both a session's end and ``python -m reports
render`` take.

Why this exists: what is rendered again must be what was rendered first. Every file is written aside and renamed, so
that a reader never meets half a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from reports.document import load, to_json
from reports.history import before
from reports.render import badge, html, journal, json_, junit, markdown, sarif, textfile
from reports.scorecard import Scorecard
from reports.verdict import judged, reaches
from reports.waivers import Waiver, recorded
from stack.errors import UserError

RENDERINGS: dict[str, Callable[[Scorecard], str]] = {
    "readiness.html": html.render,
    "readiness.md": markdown.render,
    "scorecard.json": json_.render,
    "readiness.sarif": sarif.render,
    "junit.xml": junit.render,
    "badge.svg": badge.render,
    "readiness.prom": textfile.render,
    "journal.json": journal.render,
}


@dataclass(frozen=True)
class Published:
    """A rendered run: its scorecard, and the folder everything is in."""

    card: Scorecard
    folder: Path

    def reached(self, gate: str) -> bool:
        """Whether the tier called ``gate`` (``staging`` or ``production``) is reached."""
        return reaches(self.card, gate)


def publish(folder: Path, waivers: Sequence[Waiver] | None = None, today: date | None = None) -> Published:
    """Write ``results.json`` and every rendering of the run recorded in ``folder``.

    ``waivers`` are the run's own unless others are given. Raises UserError when there is no readable record, or when
    the folder can't be written.
    """
    run = load(folder)
    card = judged(
        run,
        recorded(run.manifest.get("waivers", ())) if waivers is None else waivers,
        today or datetime.now(UTC).date(),
    )
    try:
        card = replace(card, history=before(folder, run.manifest.get("project")))
        write(folder / "results.json", json.dumps(to_json(run), ensure_ascii=False, separators=(",", ":")))
        for name, render in RENDERINGS.items():
            write(folder / name, render(card))
        for name, text in journal.files(card).items():
            (folder / "journal").mkdir(exist_ok=True)
            write(folder / "journal" / name, text)
    except OSError as error:
        raise UserError(f"{folder}: reports cannot be written there ({error.strerror}).") from error
    return Published(card, folder)


def write(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
