"""One load run that the checks of its objectives share: the same seconds, the same requests, three questions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from load.runner import BaseLoad, Summary
from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from suites.load.escrows import Sailed, objective_of, sailed
from suites.load.plan import clients_of, plan_of
from suites.session import seed_of, stack_of


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a check as NOT_APPLICABLE where nobody promised what it measures, before anybody asks whether the stack runs."""
    stack = stack_of(item.config)
    if "escrows" in getattr(item, "fixturenames", ()):
        objective_of(stack)
    plan_of(stack, seed=seed_of(item.config))


@pytest.fixture(scope="module")
def outside(running: Stack) -> Iterator[Outside]:
    """The namespace the clients live in; CannotTell (so INCONCLUSIVE) where none can be made."""
    if not running.driver.is_local():
        raise CannotTell("the engine is on another machine: its outside can't be built here")
    with Outside(running.project) as there:
        yield there


@pytest.fixture(scope="module")
def gate_run(running: Stack, outside: Outside, seed: int) -> Summary:
    """The profile's rate, once, from many client addresses outside the host."""
    profile = plan_of(running, seed=seed)
    with BaseLoad(profile, clients_of(running, outside), prefix=outside.exec_prefix) as load:
        load.start()
        return load.finish()


@pytest.fixture
def escrows(pytestconfig: pytest.Config, running: Stack, seed: int) -> Sailed:
    """What came of escrows under load; they sail at the first question of a session."""
    return sailed(pytestconfig, running, seed=seed)
