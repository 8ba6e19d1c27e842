"""Bad input that only a real engine has: strangers' containers, a helper image that is missing, targets that end or are replaced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chaos.faults import Latency, Partitioned, Paused, Stopped
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.runner import journal_of
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually
from tests.chaos.small_here import small_or_skip

PROJECT = f"st-badinput-{os.getpid()}"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(PROJECT) as stack:
        yield stack


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def stranger() -> Iterator[str]:
    """A container of another project whose service has the same name, in the same network."""
    labels = ["--label", "com.docker.compose.project=st-others", "--label", "com.docker.compose.service=web"]
    name = f"{PROJECT}-stranger"
    docker(
        "run",
        "--detach",
        "--rm",
        "--name",
        name,
        "--network",
        f"{PROJECT}_inside",
        *labels,
        "seatrial/python:local",
        "sleep",
        "120",
    )
    yield name
    docker("rm", "--force", name)


def test_a_stranger_with_the_same_service_name_is_left_alone(small: Stack, stranger: str) -> None:
    state = "{{.State.Status}} {{.State.StartedAt}}"
    before = docker("inspect", "--format", state, stranger)

    for fault in (Paused("web"), Stopped("web", grace_seconds=0), Partitioned("client", ("web",))):
        with injected(fault, small):
            assert docker("inspect", "--format", state, stranger) == before
            assert fault.active(small)

    assert docker("inspect", "--format", state, stranger) == before


def test_without_the_helper_image_nothing_is_slowed_and_nothing_left(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_helper = Driver.run_helper

    def without_image(self: Driver, argv: list[str], **options: object) -> object:
        return run_helper(self, argv, **{**options, "image": "seatrial/none:local"})  # type: ignore[arg-type]

    monkeypatch.setattr(Driver, "run_helper", without_image)
    fault = Latency("client", "web", 8000, milliseconds=50)
    before = Fingerprint.of(small, fault=fault)

    with pytest.raises(CannotTell, match="seatrial/none"), injected(fault, small):
        pytest.fail("nothing slows anybody down")

    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert journal_of(small).standing() == []


@pytest.mark.parametrize("fault", [Paused("web"), Partitioned("web", ("client",))], ids=str)
def test_a_target_that_is_replaced_while_the_fault_stands_comes_back_whole(
    small: Stack, fault: Paused | Partitioned
) -> None:
    before = Fingerprint.of(small, fault=fault)

    with injected(fault, small):
        docker("rm", "--force", f"{PROJECT}-web-1")
        small.driver.compose("up", "--detach", "--wait", "web")

    eventually(
        lambda: before.differences(Fingerprint.of(small, fault=fault)) == [],
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=200),
        what="the fingerprint of before",
    )
    assert journal_of(small).standing() == []
