"""Every fault of a shortage on a real engine: it bites, is witnessed, is taken back, and nothing of it is left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chaos import cgroup, limits
from chaos.effect import Fault
from chaos.faults.clock import ClockSkew
from chaos.faults.database_lock import DatabaseLocked
from chaos.faults.descriptors import FileDescriptorsExhausted
from chaos.faults.disk import DiskFull
from chaos.faults.memory import OutOfMemory
from chaos.faults.process import crash
from chaos.faults.stress import CpuStress, IoStress, MemoryStress
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.probes import healthy
from chaos.runner import journal_of
from stack.errors import CannotTell, UserError
from stack.model import Stack
from stack.waiting import eventually
from tests.chaos.small_here import small_or_skip

PROJECT = f"st-short-{os.getpid()}"
SOON = timedelta(seconds=30)
NOW_AND_THEN = timedelta(milliseconds=100)
LOCK = DatabaseLocked("store", seconds=60, path="/data/store.db")
STANDING: list[Fault] = [
    CpuStress("web", workers=1),
    MemoryStress("web", percent=80),
    IoStress("store", "/data", megabytes=4),
    FileDescriptorsExhausted("web"),
    FileDescriptorsExhausted("edge"),
    LOCK,
]
"""What stands until it is taken back."""


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(PROJECT) as stack:
        yield stack


@pytest.fixture(autouse=True)
def well(small: Stack) -> None:
    eventually(lambda: healthy("web", "edge", "store").complaint(small) is None, within=SOON, every=NOW_AND_THEN)


@pytest.mark.parametrize("fault", [*STANDING, OutOfMemory("web"), OutOfMemory("store")], ids=str)
def test_a_fault_bites_and_is_proved_gone(small: Stack, fault: Fault) -> None:
    before = Fingerprint.of(small, fault=fault)

    with injected(fault, small) as injection:
        stood = fault.active(small)
        seen = eventually(lambda: fault.witness(small, injection.before), within=SOON, every=NOW_AND_THEN)

    print(f"{fault}: {seen}; {injection.injected_seconds:.2f} s, {injection.proof}")
    assert stood or isinstance(fault, OutOfMemory)
    assert not fault.active(small)
    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert journal_of(small).standing() == []
    assert judged_by_the_engine_alone() == []


def judged_by_the_engine_alone() -> list[str]:
    """The helpers that docker itself lists, without any code of ours."""
    argv = ["docker", "ps", "--all", "--quiet", "--filter", f"label=seatrial.helper={PROJECT}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("fault", [*STANDING, OutOfMemory("web")], ids=str)
def test_it_can_be_taken_back_without_having_been_caused_and_twice(small: Stack, fault: Fault) -> None:
    before = Fingerprint.of(small, fault=fault)

    fault.revert(small)
    fault.revert(small)

    assert not fault.active(small)
    assert before.differences(Fingerprint.of(small, fault=fault)) == []


@pytest.mark.parametrize("fault", [MemoryStress("web", percent=60), FileDescriptorsExhausted("web"), LOCK], ids=str)
def test_a_target_that_dies_meanwhile_comes_back_and_the_fault_is_gone(small: Stack, fault: Fault) -> None:
    started = small.container(fault.service).attrs["State"]["StartedAt"]

    with injected(fault, small):
        crash(small, small.container(fault.service).attrs)
        eventually(
            lambda: small.container(fault.service).attrs["State"]["StartedAt"] != started,
            within=SOON,
            every=NOW_AND_THEN,
            what="its restart policy",
        )

    assert not fault.active(small)
    assert judged_by_the_engine_alone() == []


def test_a_target_that_is_replaced_meanwhile_has_nothing_of_the_fault(small: Stack) -> None:
    fault = IoStress("store", "/data", megabytes=4)
    old = small.container("store").id

    with injected(fault, small):
        small.driver.remove(old)
        small.driver.compose("up", "--detach", "--no-deps", "store")

    assert small.container("store").id != old
    assert not fault.active(small)


def written(stack: Stack) -> bool:
    """Whether the store's own probe gets the write lock."""
    return stack.container("store").exec(["python3", "/opt/store.py", "--probe"]).ok


def test_nobody_writes_to_a_locked_database_and_afterwards_everybody_may(small: Stack) -> None:
    assert written(small)

    with injected(LOCK, small):
        assert not written(small)

    assert written(small)


def test_a_lock_goes_by_itself_when_its_time_is_over(small: Stack) -> None:
    fault = DatabaseLocked("store", seconds=3, path="/data/store.db")

    with injected(fault, small):
        eventually(lambda: not fault.active(small), within=SOON, every=NOW_AND_THEN)

        assert written(small)


def fetched(stack: Stack) -> bool:
    return stack.container("client").exec(["curl", "-sf", "-o", "/dev/null", "-m", "1", "http://web:8000/"]).ok


def test_without_descriptors_nothing_is_served_and_with_them_it_is_by_the_same_process(small: Stack) -> None:
    assert fetched(small)
    started = small.container("web").attrs["State"]["StartedAt"]

    with injected(FileDescriptorsExhausted("web"), small):
        assert not fetched(small)

    assert eventually(lambda: fetched(small), within=SOON, every=NOW_AND_THEN)
    assert small.container("web").attrs["State"]["StartedAt"] == started


def test_what_holds_memory_takes_what_was_asked_for_and_gives_it_back(small: Stack) -> None:
    def share() -> float:
        container = small.container("web").attrs
        return cgroup.memory_used(small, container) / cgroup.memory_limit(container)

    before = share()
    with injected(MemoryStress("web", percent=80), small):
        assert eventually(lambda: share() > 0.75, within=SOON, every=NOW_AND_THEN)
        assert share() < 0.9

    assert eventually(lambda: share() < before + 0.1, within=SOON, every=NOW_AND_THEN)


def test_a_limit_that_could_not_be_given_back_is_left_alone(small: Stack) -> None:
    container = small.container("web").attrs
    _init, (program, *_) = limits.programs(small, container)
    limits.limit(small, container, program, 500)
    try:
        with pytest.raises(CannotTell, match="could not be given back what it has"):
            FileDescriptorsExhausted("web").inject(small)

        assert limits.programs(small, container)[1][0].soft == 500
    finally:
        limits.limit(small, container, program, program.soft)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (IoStress("web", "/data"), "has no writable volume at /data"),
        (MemoryStress("web", percent=1), "are in use already"),
        (DiskFull("store", "/data"), "which others need too; a copy that may be filled: python -m stack up --faults"),
        (DiskFull("web", "/data"), "has no writable volume at /data"),
        (ClockSkew("web", seconds=60), "was not started under libfaketime"),
        (DatabaseLocked("store", seconds=1), "the profile names no database of store"),
        (DatabaseLocked("store", seconds=1, path="/data/none.db"), "it could not be had"),
        (DatabaseLocked("client", seconds=1, path="/etc/passwd"), "it could not be had"),
    ],
    ids=str,
)
def test_what_a_target_can_not_have_is_said_and_nothing_is_left(small: Stack, fault: Fault, says: str) -> None:
    with pytest.raises(CannotTell, match=says), injected(fault, small):
        pass

    assert journal_of(small).standing() == []
    assert judged_by_the_engine_alone() == []


@pytest.mark.parametrize("fault", [OutOfMemory("nobody"), CpuStress("nobody"), DiskFull("nobody", "/data")], ids=str)
def test_a_service_that_never_was_is_bad_input(small: Stack, fault: Fault) -> None:
    with pytest.raises(UserError, match="has no service 'nobody'"), injected(fault, small):
        pass


def test_a_missing_tool_image_is_said(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small.driver.run_helper

    def without_image(argv: list[str], **options: Any) -> Any:
        return run(argv, **options | {"image": "seatrial/none:local"})

    monkeypatch.setattr(small, "driver", _With(small.driver, run_helper=without_image))
    for fault in (CpuStress("web"), OutOfMemory("web")):
        with pytest.raises(CannotTell, match="No such image|Unable to find image"):
            fault.inject(small)


class _With:
    """A driver with something in place of some of its methods."""

    def __init__(self, driver: Any, **instead: Any) -> None:
        self._driver, self._instead = driver, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._driver, name)


def test_where_the_engine_is_elsewhere_helpers_do_what_this_machine_does_here(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "driver", _With(small.driver, is_local=lambda: False))
    for fault in (
        MemoryStress("web", percent=80),
        IoStress("store", "/data", megabytes=4),
        FileDescriptorsExhausted("web"),
    ):
        before = fault.touched(small)
        fault.inject(small)
        try:
            assert fault.active(small), fault
            assert eventually(lambda one=fault: one.witness(small, Fingerprint({})), within=SOON, every=NOW_AND_THEN)  # type: ignore[misc]
        finally:
            fault.revert(small)
        assert not fault.active(small), fault
        assert fault.touched(small) == before
