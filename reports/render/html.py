"""The page a release review reads: the verdict and what blocks it first, then everything it rests on, in one file.

Why this exists: people who decide don't run pytest. The page needs no network, no server and no script (the script only
filters), and whatever text it shows stays text: it is escaped, and a policy in the page forbids any script but ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.gate import Gate, Tier, floored
from reports.outcome import Outcome, Result
from reports.render.timeline import in_words, picture
from reports.repeat import repeat
from reports.scorecard import CheckScore, Scorecard
from reports.text import seconds, shortened
from suites.entry import Check, Level
from suites.notes import Measure, Table

_FOLDER = Path(__file__).resolve().parent / "templates"
_LONGEST = 4000
"""Characters of one text on the page; the whole of it is in results.json."""
_ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE)


def render(card: Scorecard) -> str:
    """The whole page."""
    text: str = _template().render(
        card=card,
        run=card.run,
        manifest=defaultdict(lambda: None, card.run.manifest),
        scales=_scales(card),
        next_tier=None if card.partial or card.tier is Tier.PRODUCTION else Tier(card.tier + 1),
        blocks=[(one, one.about in _ids(card)) for one in card.blockers] if not card.partial else [],
        boxes=[(box, state) for box, state in card.boxes if not card.partial or state.ticked or state.open],
        ticked=sum(state.ticked for _, state in card.boxes),
        known=_ids(card),
        measures=_measures(card),
        checks=card.checks,
        standing=sum(one.stands for one in card.checks),
        Outcome=Outcome,
        order=_ORDER,
    )
    return text


def _ids(card: Scorecard) -> frozenset[str]:
    return frozenset(one.entry.id for one in card.checks)


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_FOLDER / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "style": Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_digest": digest,
        "split": _split,
        "command": command,
        "levels": _levels,
        "noted": _noted,
        "tables": _tables,
        "picture": picture,
        "in_words": in_words,
    }
    environment.filters |= {
        "percent": lambda value: "–" if value is None else floored(value),
        "seconds": seconds,
        "short": lambda text: shortened(text, _LONGEST),
        "slug": lambda outcome: outcome.name.lower().replace("_", "-"),
        "plain": _plain,
    }
    return environment.get_template("readiness.html")


@dataclass(frozen=True)
class Mark:
    """A line on a scale that a tier has to reach."""

    at: float
    words: str


@dataclass(frozen=True)
class Scale:
    """A number between 0 and 100 on its scale, with the lines that matter; None is "no result"."""

    name: str
    value: float | None
    marks: tuple[Mark, ...]

    @property
    def spoken(self) -> str:
        """The scale for somebody who can't see it."""
        number = "no result" if self.value is None else f"{floored(self.value)} of 100"
        return f"{self.name} {number}; " + ", ".join(f"{mark.words} needs {mark.at:g}" for mark in self.marks)


def _scales(card: Scorecard) -> tuple[Scale, Scale]:
    def marks(number: Any) -> tuple[Mark, ...]:
        found: dict[float, list[str]] = {}
        for gate in card.gates:
            found.setdefault(number(gate), []).append(gate.tier.name.lower())
        return tuple(Mark(at, " and ".join(names)) for at, names in sorted(found.items()))

    def score_of(gate: Gate) -> float:
        return gate.score

    def coverage_of(gate: Gate) -> float:
        return gate.coverage

    return Scale("Score", card.total.score, marks(score_of)), Scale("Coverage", card.total.coverage, marks(coverage_of))


@dataclass(frozen=True)
class Held:
    """A measured number that is held against an objective; ``worst_of`` says how many alike it stands for."""

    entry: Check
    subject: str
    measure: Measure
    share: float
    worst_of: int = 1


_ALIKE = 3
"""How many numbers of one check against one objective are shown each; of more, the worst stands for all."""


def _measures(card: Scorecard) -> list[Held]:
    """Every measured number with an objective, in the order of ids."""
    found: dict[tuple[str, float, str], list[Held]] = {}
    for one in sorted(card.checks, key=lambda one: one.entry.id):
        for result in one.results:
            for m in result.measures:
                if m.objective is not None:
                    alike = found.setdefault((one.entry.id, m.objective, m.unit), [])
                    alike.append(Held(one.entry, result.subject, m, _share(m.value, m.objective)))
    shown: list[Held] = []
    for alike in found.values():
        worst = max(alike, key=lambda held: held.share)
        shown += alike if len(alike) <= _ALIKE else [replace(worst, worst_of=len(alike))]
    return shown


def _share(value: float, objective: float) -> float:
    """The measured number in per cent of its objective; twice an objective of zero is said to be reached by anything above."""
    if objective:
        return 100 * value / objective
    return 0.0 if value <= 0 else 200.0


def _split(one: CheckScore) -> tuple[list[Result], list[Result]]:
    """The instances to show in full, and those whose names are enough: passed or not applicable, with nothing noted."""
    full: list[Result] = []
    brief: list[Result] = []
    for result in one.results:
        quiet = result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) and not result.reason
        noted = result.notes or result.measures or result.tables or result.timeline or result.chronicle
        (brief if quiet and not noted else full).append(result)
    return full, brief


def _noted(result: Result) -> list[tuple[str, str]]:
    """What was noted, by level, in the order in which each level first appears: one level is shown once."""
    found: dict[str, list[str]] = {}
    for note in result.notes:
        found.setdefault(note.level, []).append(note.text)
    return [(level, "\n".join(texts)) for level, texts in found.items()]


def _tables(one: CheckScore) -> list[Table]:
    """The tables of a check, those of one form joined over its instances: a row for each fault makes the matrix of all."""
    found: dict[tuple[str, tuple[str, ...]], list[tuple[str, ...]]] = {}
    for result in one.results:
        for table in result.tables:
            found.setdefault((table.title, table.columns), []).extend(table.rows)
    return [Table(title, columns, tuple(rows)) for (title, columns), rows in found.items()]


def _levels(results: Sequence[Result], declared_level: Level) -> str:
    """The levels at which something was noted, strongest last; the check's own where it noted nothing."""
    noted = {note.level for result in results for note in result.notes}
    return " → ".join(level.value for level in Level if level.value in noted or level is declared_level)


def command(card: Scorecard, one: CheckScore) -> str:
    """What repeats a check: its test, the failing instance where there is one; what runs its area if it never ran."""
    node = next((result.nodeid for result in one.results if result.nodeid), "")
    return repeat(card.run.manifest, node) if node else one.entry.remediation.removeprefix("Run it: ")


def _plain(value: float) -> str:
    """A measured number for people: three significant digits below 100, whole above, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
