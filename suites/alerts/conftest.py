"""One drill a session, however many checks look at what was heard in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stack.errors import CannotTell, SeatrialError
from suites.alerts.drill import Trial, drill, run, trials

if TYPE_CHECKING:
    from stack.model import Stack


@pytest.fixture(scope="session")
def _drilled() -> dict[str, list[Trial] | SeatrialError]:
    return {}


@pytest.fixture
def drilled(stack: Stack, running: Stack, _drilled: dict[str, list[Trial] | SeatrialError]) -> list[Trial]:
    """What became of every row of the matrix; the drill runs at the first question."""
    if stack.project not in _drilled:
        try:
            with drill(stack) as copy:
                _drilled[stack.project] = run(copy, trials(stack))
        except SeatrialError as error:
            _drilled[stack.project] = error
    known = _drilled[stack.project]
    if isinstance(known, SeatrialError):
        raise known if not isinstance(known, CannotTell) else CannotTell(str(known))
    return known
