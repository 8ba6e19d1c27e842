"""Where an error of a check came from, by file, line and source, and never by value.

Why this exists: pytest's own tracebacks show the arguments of functions and the operands of assertions. Those of a check are somebody's
stack, passwords included, and reports are mailed around.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest._code import TracebackEntry

from reports.judging import said

_RUNNER = frozenset({"_pytest", "pluggy"})
"""Packages of the runner: their frames say nothing about the check."""
_MOST_FRAMES = 40


def told(excinfo: pytest.ExceptionInfo[BaseException], root: Path) -> str:
    """The error of ``excinfo`` and what it came from, oldest cause first; files are named relative to ``root``."""
    chain: list[BaseException] = []
    error: BaseException | None = excinfo.value
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nthen:\n\n".join("\n".join(_lines(one, root)) for one in reversed(chain))


def place(text: str) -> str:
    """Of what ``told`` wrote: the innermost place that belongs to a check (its file and line), else the last one; empty
    when there is none.
    """
    found = [line.partition(": in ")[0] for line in text.splitlines() if ": in " in line and not line.startswith(" ")]
    own = [one for one in found if Path(one.rpartition(":")[0]).name.startswith("test_")]
    return (own or found or [""])[-1]


_STATEMENTS: dict[tuple[str, int], str] = {}
"""By place, since telling where a statement ends takes the whole file's syntax, and one check fails for many services."""


def _statement(entry: TracebackEntry) -> str:
    here = (str(entry.path), entry.lineno)
    if here not in _STATEMENTS:
        _STATEMENTS[here] = str(entry.statement).strip()
    return _STATEMENTS[here]


def _lines(error: BaseException, root: Path) -> Iterator[str]:
    if error.__traceback__ is not None:
        entries = pytest.ExceptionInfo.from_exception(error).traceback
        kept = [one for one in entries if not _RUNNER.intersection(Path(one.path).parts)][-_MOST_FRAMES:]
        for one in kept:
            path = Path(one.path)
            shown = path.relative_to(root) if path.is_relative_to(root) else path
            yield f"{shown}:{one.lineno + 1}: in {one.name}"
            yield f"    {_statement(one)}"
    name, text = type(error).__name__, said(error)
    yield name if text == name else f"{name}: {text}"

