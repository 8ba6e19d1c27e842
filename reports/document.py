"""The record of a run: what was planned, what came of it, and for exactly which release; on disk and in memory.

Why this exists: everything a reader sees is made from this record and can be made again from it. It is written line by
line while a run goes on (a killed run leaves what it had) and compiled to one ``results.json``, whose form is published
in ``reports/schema``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from reports.gate import gates_from
from reports.outcome import Outcome, Result
from reports.text import printable
from stack.errors import UserError
from suites.chronicle import Chronicle
from suites.entry import Area, Check, Impact, Level, Severity
from suites.notes import Measure, Moment, Note, Table

SCHEMA = "seatrial.results"
VERSION = 1


@dataclass(frozen=True)
class Planned:
    """An instance of a check that was collected, and so has to have a result."""

    id: str
    subject: str


@dataclass(frozen=True)
class Run:
    """Everything known about one run.

    ``manifest`` binds it to a release (see :mod:`reports.manifest`); ``ended`` says why it ended early, and is empty
    when it ran to its end; ``phases`` are seconds by name; ``sources`` give each check's own file and line.
    """

    manifest: Mapping[str, Any]
    checks: tuple[Check, ...] = ()
    sources: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    results: tuple[Result, ...] = ()
    phases: tuple[tuple[str, float], ...] = ()
    ended: str = ""

    @property
    def exclusions(self) -> tuple[str, ...]:
        """What was left out of the run by name."""
        return tuple(self.manifest.get("exclusions", ()))


def lines_of_plan(
    checks: Iterable[tuple[Check, tuple[str, int]]], planned: Iterable[Planned]
) -> Iterator[dict[str, Any]]:
    """The record's lines that say what was collected."""
    for entry, source in checks:
        yield {"kind": "check", **check_to_json(entry), "source": list(source)}
    for one in planned:
        yield {"kind": "planned", **asdict(one)}


def check_to_json(entry: Check) -> dict[str, Any]:
    """A checklist entry as plain data."""
    data = {name: getattr(entry, name) for name in ("id", "title", "rationale", "remediation")}
    data |= {name: getattr(entry, name).value for name in ("area", "severity", "level", "impact")}
    return data | {"standards": list(entry.standards)}


def check_from_json(data: Mapping[str, Any]) -> Check:
    """The entry that :func:`check_to_json` wrote. Raises KeyError or ValueError when it is not one."""
    return Check(
        id=_text(data["id"]),
        title=_text(data["title"]),
        area=Area(data["area"]),
        severity=Severity(data["severity"]),
        level=Level(data["level"]),
        impact=Impact(data["impact"]),
        rationale=_text(data["rationale"]),
        remediation=_text(data["remediation"]),
        standards=tuple(map(_text, data["standards"])),
    )


def result_to_json(result: Result) -> dict[str, Any]:
    """A result as plain data; what is empty is left out."""
    data = asdict(replace(result, chronicle=None)) | {"outcome": result.outcome.name, "seconds": round(result.seconds, 6)}
    data["chronicle"] = result.chronicle.to_json() if result.chronicle else ""
    return {key: value for key, value in data.items() if value not in ("", (), False) or key in ("subject", "seconds")}


def result_from_json(data: Mapping[str, Any]) -> Result:
    """The result that :func:`result_to_json` wrote, its text made printable. Raises KeyError, TypeError or ValueError
    otherwise.
    """
    return Result(
        id=_text(data["id"]),
        subject=_text(data["subject"]),
        nodeid=_text(data["nodeid"]),
        outcome=_outcome(data["outcome"]),
        reason=_text(data.get("reason", "")),
        seconds=float(data["seconds"]),
        excluded=bool(data.get("excluded", False)),
        revert_failed=bool(data.get("revert_failed", False)),
        notes=tuple(Note(_text(n["level"]), _text(n["text"])) for n in data.get("notes", ())),
        measures=tuple(
            Measure(_text(m["name"]), float(m["value"]), _text(m["unit"]), _number(m.get("objective")))
            for m in data.get("measures", ())
        ),
        tables=tuple(
            Table(
                _text(t["title"]),
                tuple(map(_text, t["columns"])),
                tuple(tuple(map(_text, row)) for row in t["rows"]),
            )
            for t in data.get("tables", ())
        ),
        timeline=tuple(Moment(float(m["at_seconds"]), _text(m["text"])) for m in data.get("timeline", ())),
        places=tuple((_text(file), int(line)) for file, line in data.get("places", ())),
        traceback=_text(data.get("traceback", "")),
        chronicle=Chronicle.from_json(_printable_tree(data["chronicle"])) if "chronicle" in data else None,
    )


def _outcome(name: Any) -> Outcome:
    if name not in Outcome.__members__:
        raise _Damaged(f"{name!r} is not an outcome")
    return Outcome[name]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Damaged(f"{value!r} is not text")
    return printable(value)


def to_json(run: Run) -> dict[str, Any]:
    """The whole record as plain data: what ``results.json`` holds."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "manifest": dict(run.manifest),
        "ended": run.ended,
        "phases": [{"name": name, "seconds": round(spent, 3)} for name, spent in run.phases],
        "checks": [check_to_json(one) | {"source": list(run.sources.get(one.id, ("", 0)))} for one in run.checks],
        "planned": [asdict(one) for one in run.planned],
        "results": [result_to_json(one) for one in run.results],
    }


def from_json(data: Any) -> Run:
    """The record in ``data``. Raises UserError, with one sentence, for another program's, another version's or a
    damaged one.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UserError("it is not a record of a Seatrial run")
    if data.get("version") != VERSION:
        raise UserError(f"it was written by another version (form {data.get('version')!r}, this one reads {VERSION})")
    try:
        run = Run(
            manifest=_manifest(data["manifest"]),
            ended=_text(data["ended"]),
            phases=tuple((_text(p["name"]), float(p["seconds"])) for p in data["phases"]),
            checks=tuple(map(check_from_json, data["checks"])),
            sources={_text(c["id"]): (_text(c["source"][0]), int(c["source"][1])) for c in data["checks"]},
            planned=tuple(Planned(_text(p["id"]), _text(p["subject"])) for p in data["planned"]),
            results=tuple(map(result_from_json, data["results"])),
        )
        _refuse_strangers(run)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(f"it is damaged ({_damage(error)})") from error
    return run


def _damage(error: Exception) -> str:
    """What is wrong, for somebody who doesn't read Python."""
    match error:
        case KeyError():
            return f"{error.args[0]!r} is missing"
        case _Damaged():
            return str(error)
        case IndexError():
            return "a list is shorter than it has to be"
        case TypeError() | AttributeError():
            return "a value is of the wrong kind"
        case _:
            return f"a value is not among what is expected: {error}"


class _Damaged(ValueError, TypeError):
    """Damage that we found and name ourselves."""


def _refuse_strangers(run: Run) -> None:
    """Raise ValueError for what no run of ours writes: a result nobody planned, two of one instance, a check nobody
    described.
    """
    described = {one.id for one in run.checks}
    planned = {(one.id, one.subject) for one in run.planned}
    seen: set[tuple[str, str]] = set()
    for one in run.results:
        if one.id not in described or (one.id, one.subject) not in planned:
            raise _Damaged(f"a result of {one.id}[{one.subject}] that was never planned")
        if (one.id, one.subject) in seen:
            raise _Damaged(f"two results of {one.id}[{one.subject}]")
        seen.add((one.id, one.subject))


_KINDS: dict[str, type] = {
    **dict.fromkeys(("started", "commit", "project", "command", "directory", "compose_sha256", "gate"), str),
    **dict.fromkeys(("exclusions", "compose_files", "secrets", "waivers", "arguments", "absent"), list),
    **dict.fromkeys(("images", "versions", "engine", "gates", "host", "objectives"), dict),
}
_KIND_WORDS: dict[type, str] = {str: "text", list: "a list", dict: "an object"}


def _manifest(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict) or "started" not in data:
        raise _Damaged("the manifest is not an object with a start")
    datetime.fromisoformat(data["started"])
    for name, kind in _KINDS.items():
        if data.get(name) is not None and not isinstance(data[name], kind):
            raise _Damaged(f"the manifest's {name} is not {_KIND_WORDS[kind]}")
    gates_from(data.get("gates"))
    return cast(Mapping[str, Any], _printable_tree(data))


def _printable_tree(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(key)): _printable_tree(inner) for key, inner in value.items()}
    return [_printable_tree(inner) for inner in value] if isinstance(value, list) else value


def compiled(lines: Iterable[str]) -> Run:
    """The record from its lines, as they were written while the run went on. A last line cut short by a kill is left
    out.

    Raises UserError when the lines are not of such a record.
    """
    kinds: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("run", "check", "planned", "result", "manifest", "end")
    }
    for line in lines:
        if not line.endswith("\n"):
            break
        try:
            data = json.loads(line)
            kinds[data.pop("kind")].append(data)
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError("it is damaged (one of its lines is not a record's)") from error
    if not kinds["run"]:
        raise UserError("it is not a record of a Seatrial run")
    end = kinds["end"][-1] if kinds["end"] else {"ended": "killed: the run left no last line", "phases": []}
    head = kinds["run"][0]
    for more in kinds["manifest"]:
        head["manifest"] |= more
    return from_json(
        {
            **head,
            **end,
            "checks": list({one.get("id"): one for one in kinds["check"]}.values()),
            "planned": kinds["planned"],
            "results": kinds["result"],
        },
    )


def load(folder: Path) -> Run:
    """The record in a report folder: ``results.json``, or for a killed run its ``results.jsonl``.

    Raises UserError (one sentence) when there is none or it can't be read.
    """
    whole, lines = folder / "results.json", folder / "results.jsonl"
    path = whole if whole.exists() or not lines.exists() else lines
    try:
        if path is lines:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                return compiled(file)
        return from_json(json.loads(path.read_text(encoding="utf-8", errors="surrogateescape")))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there are no results of a run.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: it is not whole JSON ({error}).") from error
    except UserError as error:
        raise UserError(f"{path}: {error}.") from error
