"""From a collected test to an instance of its check: what it is about, where it stands, and what it came to.

Why this exists: the plugin listens to a session; what a single test says about its check is another question.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.document import Planned, lines_of_plan
from reports.outcome import Judgement, Outcome, Result
from suites.entry import Check
from suites.evidence import EVIDENCE
from suites.notes import Evidence

SPENT = pytest.StashKey[float]()
"""The seconds an item has taken so far."""
TRACEBACK = pytest.StashKey[str]()
"""What pytest showed of the errors of an item."""


def subject_of(item: pytest.Item) -> str:
    """What an instance of a check is about: its parameters' ids, empty when it has none."""
    callspec = getattr(item, "callspec", None)
    return callspec.id if callspec is not None else ""


def plan_of(checks: list[tuple[pytest.Item, Check]], root: Path) -> Iterator[dict[str, Any]]:
    """The record's lines for what was collected."""
    entries: dict[str, tuple[Check, tuple[str, int]]] = {}
    for item, entry in checks:
        file, line, _ = item.reportinfo()
        entries.setdefault(entry.id, (entry, (_shown(Path(file), root), (line or 0) + 1)))
    return lines_of_plan(entries.values(), [Planned(entry.id, subject_of(item)) for item, entry in checks])


def _shown(path: Path, root: Path) -> str:
    """A path as it is shown: relative to the project where it is inside it."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def result_of(item: pytest.Item, entry: Check, judged: Judgement | None) -> Result:
    """The result of a finished item, with the evidence it noted."""
    seen = item.stash.get(EVIDENCE, None) or Evidence()
    verdict = judged or Judgement(Outcome.INCONCLUSIVE, "it did not come to its test")
    return Result(
        id=entry.id,
        subject=subject_of(item),
        nodeid=item.nodeid,
        outcome=verdict.outcome,
        reason=verdict.reason,
        seconds=item.stash.get(SPENT, 0.0),
        excluded=verdict.excluded,
        revert_failed=verdict.revert_failed,
        notes=tuple(seen.notes),
        measures=tuple(seen.measures),
        tables=tuple(seen.tables),
        timeline=tuple(seen.timeline),
        places=tuple((_shown(Path(file), item.config.rootpath), line) for file, line in seen.places),
        traceback=item.stash.get(TRACEBACK, "").strip(),
        chronicle=seen.chronicle,
    )
