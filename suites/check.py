"""What a check is: a test whose name is a true/false sentence, with one marker that says what it stands for.

Why this exists: a readiness checklist is only as good as its smallest part. Everything a report, a gate or a newcomer
needs to know about a check stands beside the function that decides it, in one decorator, and is read from there by
everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import pytest

from stack.errors import CannotTell
from suites.entry import Area, Check, Impact, Level, Severity
from suites.notes import Evidence, Where
from suites.over import over

__all__ = [
    "Area", "CannotTell", "Check", "Evidence", "Excluded", "Impact", "Level", "NotApplicable", "Severity", "Where",
    "as_mark", "check", "check_of", "excluded", "inconclusive", "needs", "not_applicable", "over",
]  # fmt: skip

_Test = TypeVar("_Test", bound=Callable[..., object] | type)


_UNSAID: Any = None


class NotApplicable(pytest.skip.Exception):  # type: ignore[name-defined,misc]  # pytest hides the class behind an attribute
    """What the check is about does not exist in this stack, so there is nothing to be right or wrong."""


class Excluded(NotApplicable):
    """The check's subject was left out by name (``--without``); the verdict then says WITH EXCLUSIONS."""


def not_applicable(reason: str) -> NoReturn:
    """End the check as NOT_APPLICABLE. ``reason`` says what is missing and, where one could, which profile line enables
    it.
    """
    raise NotApplicable(reason)


def excluded(name: str) -> NoReturn:
    """End the check because ``name`` was left out of this run by name."""
    raise Excluded(f"{name} was excluded by name (--without {name})")


def inconclusive(reason: str) -> NoReturn:
    """End the check as INCONCLUSIVE: the question could not be asked, which is neither good nor bad news."""
    raise CannotTell(reason)


def check(
    id: str,
    *,
    title: str = _UNSAID,
    area: Area = _UNSAID,
    severity: Severity = _UNSAID,
    level: Level = _UNSAID,
    impact: Impact = _UNSAID,
    rationale: str = _UNSAID,
    remediation: str = _UNSAID,
    standards: Sequence[str] = (),
    static: bool | None = None,
) -> Callable[[_Test], _Test]:
    """Make the decorated test (a function or a class) a check of the checklist.

    It can then be chosen with pytest's ``-m`` by area (``-m restore``), by impact (``-m passive``), and by ``-m
    static`` when it needs no engine. Mistakes in the entry are refused when tests are collected, not when they run; so is
    an argument left out (all but the last two are needed), in a sentence that Python's own TypeError would not make.
    """
    entry = Check(id, title, area, severity, level, impact, rationale, remediation, tuple(standards), static)

    def mark(test: _Test) -> _Test:
        for decorator in as_mark(entry):
            test = decorator(test)
        return test

    return mark


def as_mark(entry: Check) -> tuple[pytest.MarkDecorator, ...]:
    """The entry as marks, for ``pytest.param(value, marks=as_mark(entry))``: one test then carries a family of
    checks.
    """
    # What is none of its kind is refused at collection: here it only must not stop the import.
    kinds = [kind.value for kind in (entry.area, entry.impact) if isinstance(kind, Area | Impact)]
    names = ["check", *kinds, *(["static"] if entry.is_static else [])]
    first, *others = (getattr(pytest.mark, name) for name in names)
    return (first(entry), *others)


def check_of(item: pytest.Item) -> Check | None:
    """The entry an item stands for; a parameter's own mark is stronger than its function's. None for an ordinary
    test.
    """
    own = [mark for mark in item.own_markers if mark.name == "check"]
    mark = own[-1] if own else item.get_closest_marker("check")
    return mark.args[0] if mark else None


def needs(*services: str) -> pytest.MarkDecorator:
    """Say which services the check is about: when one was left out by name, the check is excluded with it."""
    return pytest.mark.needs(*services)
