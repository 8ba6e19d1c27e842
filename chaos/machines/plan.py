"""A list of steps as a file that grows while it is performed, so that what a run did can be done again, also after a kill.

One JSON object a line: first the head (machine, seed, who drew it), then each step before it is begun, with what came of it
after. A reader takes the steps and leaves the rest: `{"step": "order", "with": {"key": 3}}`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from stack.errors import CannotTell, UserError

FORMAT = 1
_MOST_STEPS = 1000
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Step:
    """One thing to do: its name and JSON values. What it speaks of it names by numbers of its own, never by live ids."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={_shown(value)}' for name, value in self.parameters.items())})"


@dataclass(frozen=True)
class Plan:
    """A machine's list of steps. Any part of it is a list too: a step that lacks what it needs does nothing."""

    machine: str
    steps: tuple[Step, ...]
    seed: int | None = None
    """What it was drawn with; None for a list that somebody wrote or cut down."""
    drawn_by: str = ""

    def only(self, steps: Sequence[Step]) -> Plan:
        """The same plan with these steps, which no seed gives."""
        return Plan(self.machine, tuple(steps), None, self.drawn_by)

    def __str__(self) -> str:
        return "; ".join(map(str, self.steps)) or "nothing"


class PlanFile:
    """Where a run writes its list as it goes: each line is on disk when the call that wrote it returns."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def begin(cls, path: Path, plan: Plan) -> Self:
        """Begin a new file. Raises CannotTell when it can't be written: nothing is done without it."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(path, error) from error
        begun = cls(path, descriptor)
        begun._write({"format": FORMAT, "machine": plan.machine, "seed": plan.seed, "drawn_by": plan.drawn_by})
        return begun

    def step(self, step: Step) -> None:
        """Write down what is about to be done."""
        self._write({"step": step.name, "with": dict(step.parameters)})

    def note(self, kind: str, text: str) -> None:
        """Write down what came of it (`came`), what is not true (`broken`), how it ended (`end`)."""
        self._write({"note": kind, "text": text, "at": datetime.now(UTC).isoformat(timespec="milliseconds")})

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._descriptor)

    def _write(self, document: Mapping[str, Any]) -> None:
        data = (json.dumps(document) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unwritable(self.path, error) from error


def read(path: Path) -> Plan:
    """Read a list back. Raises UserError, naming the line, for a file that isn't one or isn't whole."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path}: longer than any list of steps")
        text = path.read_text()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no text, so no list of steps") from error
    if text and not text.endswith("\n"):
        raise UserError(f"{path}:{text.count(chr(10)) + 1}: the last line is torn; delete it to replay what is whole")
    lines = list(_documents(path, text))
    if not lines or lines[0].get("format") != FORMAT or not isinstance(lines[0].get("machine"), str):
        raise UserError(f"{path}: does not begin with a list's head: {json.dumps({'format': FORMAT, 'machine': '…'})}")
    seed = lines[0].get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise UserError(f"{path}:1: the seed is a whole number or null")
    steps = tuple(_step(path, number, line) for number, line in enumerate(lines[1:], start=2) if "note" not in line)
    if not 0 < len(steps) <= _MOST_STEPS:
        raise UserError(f"{path}: has {len(steps)} steps, expected 1 to {_MOST_STEPS}")
    return Plan(lines[0]["machine"], steps, seed, str(lines[0].get("drawn_by") or ""))


def _documents(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}:{number}: is no JSON") from error
        if not isinstance(document, dict):
            raise UserError(f"{path}:{number}: is no JSON object")
        yield document


def _step(path: Path, number: int, line: Mapping[str, Any]) -> Step:
    name, parameters = line.get("step"), line.get("with", {})
    if not isinstance(name, str) or not isinstance(parameters, dict):
        raise UserError(f'{path}:{number}: is no step: {{"step": "…", "with": {{…}}}}')
    return Step(name, parameters)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "+".join(_shown(one) for one in value)
    return str(value)


def _unwritable(path: Path, error: OSError) -> CannotTell:
    return CannotTell(f"the list of steps {path} can't be written: {error.strerror}")
