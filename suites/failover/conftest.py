"""Kill each wave once a session, however many checks look at what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stack.errors import CannotTell, SeatrialError
from suites.failover.recovery import Recovery, fit_to_kill, freeze_and_watch, kill_and_watch, subjects, waves

if TYPE_CHECKING:
    from stack.model import Stack

_Known = dict[str, Recovery | SeatrialError]


@pytest.fixture(scope="session")
def _known() -> _Known:
    return {}


def _broken(stack: Stack, names: list[str]) -> dict[str, Recovery]:
    """Killed, and once they are back, frozen for a moment."""
    killed = kill_and_watch(stack, names)
    thaw = freeze_and_watch(stack, names)
    return {each.service: replace(each, thaw=thaw) for each in killed}


@pytest.fixture
def recovery(request: pytest.FixtureRequest, stack: Stack, running: Stack, _known: _Known) -> Recovery:
    """What became of the service under check when it was killed; its wave is killed at the first question."""
    service = request.getfixturevalue("service")
    if service.name not in _known:
        found = subjects(stack)
        tiers = {one.name: stack.profile.service(one.name).tier for one in found}
        wave = next(w for w in waves(found, tiers) if service.name in w)
        fit, unfit = fit_to_kill(stack, wave)
        _known.update(unfit)
        try:
            _known.update(_broken(stack, fit) if fit else {})
        except SeatrialError as error:
            # Those killed together share the reason; a failed revert is raised again for each, as the result it is.
            _known.update(dict.fromkeys(fit, error))
    known = _known[service.name]
    if isinstance(known, SeatrialError):
        raise known if not isinstance(known, CannotTell) else CannotTell(str(known))
    return known
