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
from suites.load.scraped import Scraped
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
    with _outside(running) as there:
        yield there


def _outside(stack: Stack) -> Outside:
    if not stack.driver.is_local():
        raise CannotTell("the engine is on another machine: its outside can't be built here")
    return Outside(stack.project)


@pytest.fixture(scope="session")
def server_side(running: Stack) -> Scraped:
    """What the application says of the gate run."""
    return Scraped(running)


@pytest.fixture(scope="session")
def gate_run(running: Stack, server_side: Scraped, seed: int) -> Summary:
    """The profile's rate, once, from many client addresses outside the host."""
    profile = plan_of(running, seed=seed)
    with (
        _outside(running) as outside,
        BaseLoad(profile, clients_of(running, outside), prefix=outside.exec_prefix) as load,
    ):
        load.start()
        server_side.look()
        run = load.finish()
        server_side.look()
        return run


@pytest.fixture
def escrows(pytestconfig: pytest.Config, running: Stack, seed: int) -> Sailed:
    """What came of escrows under load; they sail at the first question of a session."""
    return sailed(pytestconfig, running, seed=seed)
