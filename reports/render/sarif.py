"""The findings as SARIF 2.1.0, so that a code host shows each at the file and line it is about.

Source of the form: OASIS, Static Analysis Results Interchange Format 2.1.0 (an INCONCLUSIVE is its kind ``open``).
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from reports.outcome import Outcome, Result
from reports.scorecard import CheckScore, Scorecard
from suites.entry import Severity

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SECURITY_SEVERITY = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.5"}
_ROOT = Path(__file__).resolve().parents[2]


def render(card: Scorecard) -> str:
    """One SARIF run: every FAIL and INCONCLUSIVE instance is a result, its check a rule, waived ones suppressed."""
    checks = sorted((one for one in card.checks if one.outcome >= Outcome.INCONCLUSIVE), key=lambda one: one.entry.id)
    numbers = {one.entry.id: number for number, one in enumerate(checks)}
    version = str(card.run.manifest.get("versions", {}).get("seatrial", "0"))
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "Seatrial", "semanticVersion": version, "rules": [_rule(one) for one in checks]}
                },
                "invocations": [{"executionSuccessful": not card.run.ended}],
                "results": [
                    _result(card, one, result, numbers[one.entry.id])
                    for one in checks
                    for result in one.results
                    if result.outcome >= Outcome.INCONCLUSIVE
                ],
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, separators=(",", ":")) + "\n"


def _rule(one: CheckScore) -> dict[str, Any]:
    entry = one.entry
    properties: dict[str, Any] = {"tags": [entry.area.value, entry.level.value, *entry.standards]}
    if entry.area.value == "security":
        properties["security-severity"] = _SECURITY_SEVERITY[entry.severity]
    return {
        "id": entry.id,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.rationale},
        "help": {"text": entry.remediation},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
        "properties": properties,
    }


def _result(card: Scorecard, one: CheckScore, result: Result, number: int) -> dict[str, Any]:
    failed = result.outcome is Outcome.FAIL
    subject = f" [{result.subject}]" if result.subject else ""
    places = tuple(dict.fromkeys(result.places)) or (card.run.sources.get(result.id, ("", 0)),)
    found: dict[str, Any] = {
        "ruleId": result.id,
        "ruleIndex": number,
        "kind": "fail" if failed else "open",
        "level": _LEVELS[one.entry.severity] if failed else "none",
        "message": {"text": f"{result.outcome.words}{subject}: {result.reason or one.entry.title}"},
        "locations": [_location(file, line) for file, line in places if file],
        "partialFingerprints": {"check/v1": f"{result.id}[{result.subject}]"},
    }
    if one.waivers:
        found["suppressions"] = [
            {"kind": "external", "justification": f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"}
            for waiver in one.waivers
        ]
    return found


def _location(file: str, line: int) -> dict[str, Any]:
    path = Path(file)
    shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
    uri = quote(str(PurePosixPath(shown)))
    place: dict[str, Any] = {"artifactLocation": {"uri": f"file://{uri}" if shown.is_absolute() else uri}}
    return {"physicalLocation": place | ({"region": {"startLine": line}} if line > 0 else {})}
