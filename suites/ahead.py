"""Lets drills that touch nothing of the stack run ahead, beside the other checks of their area, so that nobody waits twice.

A check whose evidence is a long drill on a copy of its own says so: `@ahead(the_drill, beside=Impact.PASSIVE)`, and asks the
fixture `drill` for what came of it. The drill starts in another process when the first check of its area with that impact
runs, and the check only waits for the rest. A drill never runs beside checks of another area or beside one marked `alone`
(who measures time, or counts what the edge lets through): those wait until it is over. Where nothing runs before
the check, the drill runs in the check itself. Whatever ends the session ends what is under way, which takes back what it began.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import pause
from suites.aside import Aside
from suites.check import Evidence, Impact, check_of
from suites.entry import Area
from suites.interruption import came
from suites.phases import spend
from suites.session import may_run, needs_running, stack_of

Drill = Callable[[Stack], Any]

alone = pytest.mark.alone
"""Marks a check beside which no drill runs: it measures time, or what a limit lets through."""
_LOOK_EVERY = timedelta(milliseconds=50)
_PLUGIN = "seatrial-ahead"


def ahead(drill: Drill, *, beside: Impact) -> pytest.MarkDecorator:
    """Say which drill a check's evidence is, and beside checks of which impact it may run.

    `drill` is a function of a module, that takes the stack; what it returns or raises must be picklable. Several checks may
    have the same one: it then runs once.
    """
    return pytest.mark.ahead(drill, beside)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and begin to watch the session."""
    config.addinivalue_line("markers", "ahead(drill, beside): evidence is a drill that runs ahead, beside other checks")
    config.addinivalue_line("markers", "alone: no drill runs beside this check")
    config.pluginmanager.register(Ahead(config), _PLUGIN)


@dataclass
class _Planned:
    """A drill that some selected check will ask for."""

    drill: Drill
    area: Area
    beside: Impact
    under_way: Aside[Any] | None = None
    done: tuple[Any, BaseException | None] | None = None
    """What came of it in the check itself."""

    def is_of(self, item: pytest.Item) -> bool:
        """Whether the item is a check of this drill."""
        mark = item.get_closest_marker("ahead")
        return mark is not None and mark.args[0] is self.drill

    def may_accompany(self, item: pytest.Item) -> bool:
        """Whether it may run while the item does."""
        entry = check_of(item)
        return entry is not None and entry.area is self.area and item.get_closest_marker("alone") is None


class Ahead:
    """Starts drills beside the right checks, and keeps them from the others."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._planned: list[_Planned] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the drills of the checks that were selected and may run."""
        self._planned = []
        for item in session.items:
            mark, entry = item.get_closest_marker("ahead"), check_of(item)
            if mark and entry and not any(one.is_of(item) for one in self._planned) and self._will_run(item):
                self._planned.append(_Planned(mark.args[0], entry.area, mark.args[1]))

    def _will_run(self, item: pytest.Item) -> bool:
        needed = {name for mark in item.iter_markers("needs") for name in mark.args}
        return needs_running(item) and may_run(item) and not needed & stack_of(self._config).excluded

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Wait until whatever must not run beside the item is over: time of the drill's area, and no check's.

        Who interrupts the wait has the item left out: the session then stops.
        """
        for one in self._planned:
            if one.under_way is None or one.is_of(item) or one.may_accompany(item):
                continue
            began = time.monotonic()
            while not one.under_way.is_over and not came():
                pause(_LOOK_EVERY.total_seconds())
            spend(self._config, one.area.value, time.monotonic() - began)
            if came():
                return True
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Start what may run from here on: the stack is up, and its checks have begun."""
        entry = check_of(item)
        if entry is None or not needs_running(item):
            return
        for one in self._planned:
            begun = one.under_way is not None or one.done is not None
            if not begun and entry.impact is one.beside and one.may_accompany(item) and not one.is_of(item):
                one.under_way = Aside(one.drill, stack_of(self._config))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End what nobody asked for any more."""
        for one in self._planned:
            if one.under_way is not None:
                one.under_way.cancel()

    def drill_of(self, item: pytest.Item) -> _Planned:
        """The drill of a check. Raises CannotTell when its check names none."""
        for one in self._planned:
            if one.is_of(item):
                return one
        raise CannotTell(f"{item.name}: asks for the outcome of a drill, and `@ahead` names none")


def _here(one: _Planned, stack: Stack) -> Any:
    if one.done is None:
        try:
            one.done = (one.drill(stack), None)
        except BaseException as error:
            one.done = (None, error)
            raise
    value, raised = one.done
    if raised is not None:
        raise raised
    return value


@pytest.fixture
def drill(request: pytest.FixtureRequest, running: Stack, evidence: Evidence) -> Iterator[Callable[[], Any]]:
    """Answers, when called, what came of the drill of the check; raises what the drill raised.

    A drill that ran ahead leaves its own time in the evidence: the check's is that of the wait.
    """
    plugin = request.config.pluginmanager.get_plugin(_PLUGIN)
    assert isinstance(plugin, Ahead)  # registered when this module was configured
    one = plugin.drill_of(request.node)
    yield lambda: one.under_way.outcome() if one.under_way else _here(one, running)
    if one.under_way and one.under_way.seconds:
        evidence.measure("the drill, beside other checks", round(one.under_way.seconds, 1), "s")
