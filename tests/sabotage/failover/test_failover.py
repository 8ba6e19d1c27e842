"""FLV-SVC-001 finds each seeded defect, and nothing wrong with the sound service beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.runner import Runner
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Evidence
from suites.failover.recovery import Recovery, kill_and_watch, subjects
from suites.failover.test_services import test_service_recovers_by_itself as the_check

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    found = Stack.load([HERE / "compose.yaml"], profile=HERE / "profile.toml")
    try:
        driver = Driver.connect(found.project, found.compose_files)
        driver.image("seatrial/python:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine with seatrial/python:local: {reason}")
    driver.compose("up", "--detach", "--wait")
    yield found
    driver.compose("down", "--volumes", "--timeout", "0")
    Runner.of(found).close()  # what could not be reverted is gone with its project


def judged(stack: Stack, name: str, recovery: Recovery) -> None:
    the_check(stack, stack.service(name), recovery, Evidence())


def test_a_sound_service_passes(stack: Stack) -> None:
    (recovery,) = kill_and_watch(stack, ["sound"])

    judged(stack, "sound", recovery)

    assert recovery.restarts == 1
    assert recovery.seconds is not None


def test_a_service_without_a_restart_policy_fails(stack: Stack) -> None:
    (recovery,) = kill_and_watch(stack, ["forgotten"])

    with pytest.raises(AssertionError, match="forgotten: was not back 3 s after its process was killed"):
        judged(stack, "forgotten", recovery)


def test_what_must_serve_and_does_not_fails(stack: Stack) -> None:
    (recovery,) = kill_and_watch(stack, ["needy"])

    with pytest.raises(AssertionError, match="while needy was away: customer is healthy: not for .* s"):
        judged(stack, "needy", recovery)


def test_the_subjects_are_those_with_a_promise(stack: Stack) -> None:
    assert {service.name for service in subjects(stack)} == {"sound", "forgotten", "sickly", "needy"}


def test_a_service_that_stays_sick_fails_and_its_revert_is_not_hidden(stack: Stack) -> None:
    from chaos.effect import RevertFailed
    from chaos.faults import Killed

    bound = Killed.revert_within
    Killed.revert_within = bound / 15  # health never comes back, so the proof can't either
    try:
        with pytest.raises(RevertFailed, match="sickly: health was 'healthy', is"):
            kill_and_watch(stack, ["sickly"])
    finally:
        Killed.revert_within = bound
