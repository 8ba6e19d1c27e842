"""A deployment that is killed before or after any of its acts leaves one colour serving, and the next one works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stack.deployment.procedure import Deployment
from stack.deployment.record import Record
from stack.deployment.release import Release
from stack.errors import SeatrialError
from tests.stack.deployment.fake_site import NEW, OLD, Dead, FakeSite, deployment

THIRD = Release("shop:3", "sha256:3")
MOST_ACTS = 12


def blue_green(one: Deployment) -> Record:
    return one.blue_green(NEW)


def standard(one: Deployment) -> Record:
    return one.standard(NEW)


def killed(site: FakeSite, folder: Path, way: Callable[[Deployment], Record], number: int, *, after: bool) -> bool:
    """Let a deployment run to its act of that number; whether it got so far."""
    site.kills, site.after = number, after
    try:
        way(deployment(site, folder))
    except Dead:
        return True
    except SeatrialError:
        return False
    finally:
        site.kills = None
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_the_colour_that_serves_is_ready_and_the_next_deployment_works(
    tmp_path: Path, number: int, after: bool
) -> None:
    site = FakeSite()
    died = killed(site, tmp_path, blue_green, number, after=after)

    served_at_once = site.is_ready(site.served)
    record = deployment(site, tmp_path).blue_green(THIRD)

    assert served_at_once
    assert died == (number < 10)  # so many acts has a deployment
    assert record.serve.release == THIRD
    assert site.runs == {site.served: THIRD}
    assert site.named == site.served


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(MOST_ACTS))
@pytest.mark.parametrize("kind", ["unready", "smokes", "crashing"])
def test_also_when_the_release_was_bad_and_was_being_taken_back(
    tmp_path: Path, number: int, after: bool, kind: str
) -> None:
    site = FakeSite()
    getattr(site, kind).add(NEW.id)
    killed(site, tmp_path, blue_green, number, after=after)

    served_at_once = site.is_ready(site.served)
    record = deployment(site, tmp_path).settle()

    assert served_at_once
    assert record.serve.release == OLD
    assert site.runs == {site.served: OLD}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_killed_twice_is_no_worse_than_once(tmp_path: Path, number: int, after: bool) -> None:
    site = FakeSite()
    killed(site, tmp_path, blue_green, 6, after=False)  # while it is being watched

    killed(site, tmp_path, lambda one: one.settle(), number, after=after)
    served_at_once = site.is_ready(site.served)
    record = deployment(site, tmp_path).settle()

    assert served_at_once
    assert site.runs == {site.served: record.serve.release}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_the_standard_way_serves_something_again_at_the_next_run(tmp_path: Path, number: int, after: bool) -> None:
    site = FakeSite()
    killed(site, tmp_path, standard, number, after=after)

    record = deployment(site, tmp_path).standard(THIRD)

    assert record.serve.release == THIRD
    assert site.runs == {site.served: THIRD}


@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_a_rollback_after_a_kill_leads_to_what_served_before(tmp_path: Path, number: int) -> None:
    site = FakeSite()
    killed(site, tmp_path, blue_green, number, after=True)

    record = deployment(site, tmp_path).rollback()

    assert record.serve.release == OLD
    assert site.runs == {site.served: OLD}
