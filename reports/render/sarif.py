"""The findings as SARIF 2.1.0, so that a code host shows each at the file and line it is about.

Sources of the form: OASIS, Static Analysis Results Interchange Format 2.1.0, and what GitHub code scanning takes of it ("SARIF
support for code scanning"): only the first location of a result counts and each needs one, paths are relative to the
repository, every region has a line, and results, rules and tags are limited in number. It knows no kind of result, so that an
INCONCLUSIVE would be an alert with its check's severity: it is a notification of the run instead (SARIF 3.20.21).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from reports.outcome import Outcome, Result
from reports.scorecard import CheckScore, Scorecard
from reports.waivers import Waiver, same_place
from suites.entry import Level, Severity

MOST_RESULTS = 5000
"""GitHub keeps no more of a run; the worst come first here, so that what is dropped is the least."""
MOST_TAGS = 20
MOST_LOCATIONS = 10
LONGEST_TEXT = 1024
LONGEST_MESSAGE = 4000
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SECURITY_SEVERITY = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.5"}
_PROBLEM = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "recommendation",
}
# How sure a finding is: what was observed is; a file can still be overruled by what nobody sees in it.
_PRECISION = {Level.OBSERVED: "very-high", Level.EFFECTIVE: "high", Level.DECLARED: "medium"}
_ROOT = Path(__file__).resolve().parents[2]
_PLACE = re.compile(r"\s*\[([^\[\]]+):([0-9]+)\]$")


@dataclass(frozen=True)
class _Found:
    """One thing found, where it stands (nowhere, where nobody said), and the instance it belongs to."""

    result: Result
    text: str
    places: tuple[tuple[str, int], ...]


def render(card: Scorecard) -> str:
    """One SARIF run: what failed is a result, waived ones suppressed, what could not be told a notification; each check is a rule."""
    checks = [one for one in card.checks if one.outcome >= Outcome.INCONCLUSIVE]
    numbers = {one.entry.id: number for number, one in enumerate(checks)}
    root = _source_root(card)
    seen: Counter[str] = Counter()
    results, notifications = [], []
    for one in checks:
        for result in one.results:
            if result.outcome is Outcome.FAIL:
                results += [_result(card, one, found, numbers[one.entry.id], root, seen) for found in _finds(result)]
            elif result.outcome is Outcome.INCONCLUSIVE:
                notifications += [_notification(card, one, found, numbers[one.entry.id], root) for found in _finds(result)]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Seatrial",
                        "version": str(card.run.manifest.get("versions", {}).get("seatrial", "0")),
                        "rules": [_rule(one) for one in checks],
                    }
                },
                # One category a stack: a second stack of the same repository does not close the first one's alerts.
                "automationDetails": {"id": f"seatrial/{card.run.manifest.get('project') or 'checks'}/"},
                "invocations": [
                    {
                        "executionSuccessful": not card.run.ended,
                        "toolExecutionNotifications": notifications[:MOST_RESULTS],
                    }
                ],
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "the root of the repository"}}},
                "columnKind": "unicodeCodePoints",
                "results": results[:MOST_RESULTS],
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, separators=(",", ":")) + "\n"


def _rule(one: CheckScore) -> dict[str, Any]:
    entry = one.entry
    properties: dict[str, Any] = {
        "tags": [entry.area.value, entry.level.value, *entry.standards][:MOST_TAGS],
        "precision": _PRECISION[entry.level],
        "problem.severity": _PROBLEM[entry.severity],
    }
    if entry.area.value == "security":
        properties["security-severity"] = _SECURITY_SEVERITY[entry.severity]
    return {
        "id": entry.id,
        "name": entry.id,
        "shortDescription": {"text": entry.title[:LONGEST_TEXT]},
        "fullDescription": {"text": entry.rationale[:LONGEST_TEXT]},
        "help": {"text": entry.remediation},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
        "properties": properties,
    }


def _finds(result: Result) -> Iterator[_Found]:
    """Each thing an instance found, by itself: a reason has one a line, with its place at the end where it has one."""
    lines = [line.strip() for line in result.reason.splitlines() if line.strip()]
    placed = [_PLACE.search(line) for line in lines]
    noted = tuple(dict.fromkeys(result.places))[:MOST_LOCATIONS]
    if not any(placed):
        yield _Found(result, result.reason, noted)
        return
    for text, match in zip(lines, placed, strict=True):
        if match is None:
            yield _Found(result, text, noted[:1])
        else:
            yield _Found(result, text[: match.start()], ((match[1], int(match[2])),))


def _result(
    card: Scorecard, one: CheckScore, found: _Found, number: int, root: Path, seen: Counter[str]
) -> dict[str, Any]:
    result = found.result
    text, places = _said(card, one, found, root)
    # Lines, measured numbers and where the repository was checked out change without making it another finding.
    mark = hashlib.sha256(
        "\0".join((result.id, result.subject, places[0][0], re.sub(r"[0-9]+", "#", _rooted(found.text, root)))).encode()
    )
    fingerprint = mark.hexdigest()[:32]
    seen[fingerprint] += 1
    shown: dict[str, Any] = {
        "ruleId": result.id,
        "ruleIndex": number,
        "kind": "fail",
        "level": _LEVELS[one.entry.severity],
        "message": {"text": text},
        "locations": _locations(places),
        "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:{seen[fingerprint]}"},
        "properties": {"severity": one.entry.severity.value, "confidence": _PRECISION[one.entry.level]},
    }
    if waivers := one.waivers or _beside(card, found):
        shown["suppressions"] = [
            {
                "kind": "inSource" if waiver.place else "external",
                "status": "accepted",
                "justification": f"{waiver.reason} ({waiver.owner}, until {waiver.expires})",
            }
            for waiver in waivers
        ]
    return shown


def _notification(card: Scorecard, one: CheckScore, found: _Found, number: int, root: Path) -> dict[str, Any]:
    """What an instance could not tell: nothing to mend, and nothing that may be taken for a pass."""
    text, places = _said(card, one, found, root)
    waived = one.waivers or _beside(card, found)
    return {
        "level": "note" if waived else "warning",
        "message": {"text": text},
        "locations": _locations(places),
        "associatedRule": {"id": one.entry.id, "index": number},
    }


def _said(card: Scorecard, one: CheckScore, found: _Found, root: Path) -> tuple[str, list[tuple[str, int]]]:
    """What is told of one thing found, and where in the repository it is shown."""
    result = found.result
    subject = f" [{result.subject}]" if result.subject else ""
    text = f"{result.outcome.words}{subject}: {found.text or one.entry.title}"
    here = [(below, line) for file, line in found.places if (below := _below(root, file))]
    if found.places and not here:
        text += f" (about {found.places[0][0]}, which is not in the repository)"
    return text[:LONGEST_MESSAGE], here or [(_instead(card, result, root), 1)]


def _locations(places: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Whole lines; without an endColumn a region reaches to the end of its last one (SARIF 3.30.8)."""
    return [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": max(line, 1), "startColumn": 1, "endLine": max(line, 1)},
            }
        }
        for uri, line in places
    ]


def _rooted(text: str, root: Path) -> str:
    """A text in which paths of the repository, and of the clone of Seatrial that runs, are relative."""
    for folder in sorted({root, _ROOT}, key=lambda one: -len(one.parts)):
        if folder != folder.parent:
            text = text.replace(f"{folder}/", "")
    return text


def _beside(card: Scorecard, found: _Found) -> tuple[Waiver, ...]:
    """The waivers that stand beside what was found, also where something else of the same check is waived by nobody."""
    here = [f"{file}:{line}" for file, line in found.places]
    return tuple(
        waiver
        for waiver in card.waivers
        if waiver.place and waiver.in_force(card.today) and waiver.covers(found.result)
        if any(same_place(waiver.place, place) for place in here)
    )


def _source_root(card: Scorecard) -> Path:
    """The folder that paths are shown relative to: the repository of the first compose file, as far as the run knows it."""
    manifest = card.run.manifest
    files = manifest.get("compose_files") or ()
    return Path(manifest.get("source_root") or (Path(str(files[0])).parent if files else _ROOT))


def _instead(card: Scorecard, result: Result, root: Path) -> str:
    """Where something is shown that stands nowhere, or outside the repository (a host's own file): the first compose file.

    A code host shows nothing that has no place in the repository.
    """
    files = card.run.manifest.get("compose_files") or (card.run.sources.get(result.id, ("", 0))[0],)
    return _below(root, str(files[0])) or "README.md"


def _below(root: Path, file: str) -> str:
    """A path as a URI relative to the root; empty when it is not below it."""
    if not file:
        return ""
    path = Path(file) if Path(file).is_absolute() else _ROOT / file
    return quote(str(PurePosixPath(path.relative_to(root)))) if path.is_relative_to(root) else ""
