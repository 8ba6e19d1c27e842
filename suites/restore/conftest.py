"""One backup, made while the journey wrote, that all checks of the area restore in their own ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.journey import Journey, journey_of
from stack.model import Stack
from suites.check import not_applicable
from suites.restore.bench import Bench, bench_of
from suites.restore.disaster import Disaster, befallen
from suites.restore.writing import Made, back_up_under_load
from suites.session import stack_of


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask for what came of drills last: they run while the disaster of the others is set up."""
    places = [place for place, item in enumerate(items) if Path(__file__).parent in item.path.parents]
    in_order = sorted((items[place] for place in places), key=lambda item: item.get_closest_marker("ahead") is not None)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a check as NOT_APPLICABLE where nobody promised backups, or for the disaster wallets and a chain to prove them on.

    Before anything else is asked: whether a stack runs, and what is allowed on it, is of no matter then.
    """
    profile = stack_of(item.config).profile
    if profile.backup is None or profile.database is None:
        not_applicable(profile.missing("[backup] volume = … and [database] service = …"))
    if profile.journey is None:
        not_applicable(profile.missing('[journey] class = "package.module:Class"'))
    if "disaster" in getattr(item, "fixturenames", ()) and (not profile.wallets or profile.chain is None):
        not_applicable(profile.missing("[wallets.…] and [chain] service = …"))


@dataclass(frozen=True)
class Trial:
    """The journey and the backup that was made while it wrote."""

    journey: Journey
    made: Made


@pytest.fixture(scope="package")
def trial(running: Stack) -> Trial:
    """A backup under write load."""
    journey = journey_of(running)
    return Trial(journey, back_up_under_load(running, journey))


@pytest.fixture
def bench(running: Stack, trial: Trial) -> Iterator[Bench]:
    """A workbench with a copy of that backup and an empty place to restore to."""
    with bench_of(running, trial.made.archive) as made:
        yield made


@pytest.fixture(scope="module")
def restored(running: Stack, trial: Trial) -> Iterator[Bench]:
    """A workbench where that backup has been restored once: the live data that refusals must leave alone."""
    with bench_of(running, trial.made.archive) as made:
        made.restore()
        yield made


@pytest.fixture(scope="package")
def disaster(running: Stack, trial: Trial) -> Iterator[Disaster]:
    """The stack rebuilt beside itself from what is kept elsewhere."""
    with befallen(running, trial.journey, tuple(trial.made.acks)) as befell:
        yield befell


@pytest.fixture(scope="session")
def repeat(pytestconfig: pytest.Config) -> int:
    """How often what has a spread is measured."""
    return int(pytestconfig.getoption("repeat"))
