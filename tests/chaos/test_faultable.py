"""A disk that is full and a clock that is wrong, on a real engine, in a container that has a disk of its own and a clock to shift."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.capabilities import libfaketime, loop_devices
from chaos.effect import Fault
from chaos.faults.clock import ClockSkew
from chaos.faults.disk import DiskFull
from chaos.faults.process import crash
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.runner import Runner, journal_of
from stack import faultable
from stack.driver import Driver
from stack.errors import CannotTell, SeatrialError
from stack.model import Stack
from stack.project import state_dir
from stack.waiting import eventually

PROJECT = f"st-faultable-{os.getpid()}"
COMPOSE_FILE = Path(__file__).parent / "small" / "faultable.yaml"
SOON = timedelta(seconds=30)
NOW_AND_THEN = timedelta(milliseconds=100)
FULL = DiskFull("keeper", "/data")
AHEAD, BEHIND = ClockSkew("keeper", seconds=3600), ClockSkew("keeper", seconds=-86400)


@pytest.fixture(scope="module")
def copy() -> Iterator[Stack]:
    folder = state_dir(PROJECT)
    env = {"SEATRIAL_STATE_DIR": str(folder)}
    try:
        driver = Driver.connect(PROJECT, [COMPOSE_FILE], env=env)
        driver.image("seatrial/python:local")
        for one in (loop_devices(driver), libfaketime(driver)):
            if not one.present:
                pytest.skip(f"needs {one.name}: {one.seen}")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine with seatrial/python:local: {reason}")
    try:
        faultable.prepare(driver, folder)
        driver.compose("up", "--detach")
        stack = Stack.load([COMPOSE_FILE], project=PROJECT, env=env)
        yield stack
        Runner.of(stack).close()
    finally:
        driver.compose("down", "--volumes", "--timeout", "0", check=False)
        left = faultable.forget(folder)
        shutil.rmtree(folder, ignore_errors=True)
    assert left == []


def can_write(stack: Stack) -> bool:
    return (
        stack.container("keeper")
        .exec(["sh", "-c", "dd if=/dev/zero of=$(mktemp -p /data) bs=64k count=4"], user="0")
        .ok
    )


@pytest.mark.parametrize("fault", [FULL, AHEAD, BEHIND], ids=str)
def test_a_fault_bites_and_is_proved_gone(copy: Stack, fault: Fault) -> None:
    before = Fingerprint.of(copy, fault=fault)

    with injected(fault, copy) as injection:
        assert fault.active(copy)
        seen = eventually(lambda: fault.witness(copy, injection.before), within=SOON, every=NOW_AND_THEN)

    print(f"{fault}: {seen}; {injection.injected_seconds:.2f} s, {injection.proof}")
    assert not fault.active(copy)
    assert before.differences(Fingerprint.of(copy, fault=fault)) == []
    assert journal_of(copy).standing() == []


def test_on_a_full_disk_nothing_can_be_written_and_afterwards_it_can(copy: Stack) -> None:
    assert can_write(copy)

    with injected(FULL, copy):
        assert not can_write(copy)

    assert can_write(copy)


@pytest.mark.parametrize("fault", [FULL, AHEAD], ids=str)
def test_it_is_taken_back_also_where_the_target_died_or_is_down(copy: Stack, fault: Fault) -> None:
    started = copy.container("keeper").attrs["State"]["StartedAt"]

    with injected(fault, copy):
        crash(copy, copy.container("keeper").attrs)
        eventually(
            lambda: copy.container("keeper").attrs["State"]["StartedAt"] != started, within=SOON, every=NOW_AND_THEN
        )
    assert not fault.active(copy)

    fault.inject(copy)
    copy.driver.stop(copy.container("keeper").id, grace_seconds=0)
    try:
        assert fault.active(copy)
        fault.revert(copy)
        assert not fault.active(copy)
    finally:
        copy.driver.start(copy.driver.container_ids("keeper", all=True)[0])


@pytest.mark.parametrize("fault", [FULL, AHEAD], ids=str)
def test_it_can_be_taken_back_without_having_been_caused_and_twice(copy: Stack, fault: Fault) -> None:
    fault.revert(copy)
    fault.revert(copy)

    assert not fault.active(copy)


def test_time_outs_are_not_shifted_with_the_clock(copy: Stack) -> None:
    with injected(AHEAD, copy):
        asked = copy.container("keeper").exec(["python3", "-c", "import time; print(time.monotonic())"])

    with open("/proc/uptime") as uptime:
        assert abs(float(asked.stdout) - float(uptime.read().split()[0])) < 120


def devices(folder: Path) -> list[str]:
    """The loop devices of a folder's files, as losetup itself lists them."""
    listed = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if line.startswith(str(folder))]


def test_what_is_prepared_is_there_once_however_often_and_goes_without_a_trace(copy: Stack, tmp_path: Path) -> None:
    faultable.prepare(copy.driver, tmp_path)
    faultable.prepare(copy.driver, tmp_path)
    assert len(devices(tmp_path)) == len(faultable.DISKS)

    assert faultable.forget(tmp_path) == []
    assert faultable.forget(tmp_path) == []

    assert devices(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_half_prepared_goes_too(copy: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(faultable, "_bring_clock", interrupted)
    with pytest.raises(KeyboardInterrupt):
        faultable.prepare(copy.driver, tmp_path)
    assert devices(tmp_path)

    assert faultable.forget(tmp_path) == []

    assert devices(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"is_local": lambda: False, "endpoint": "ssh://elsewhere"}, "the engine is elsewhere"),
        ({}, "which this machine does not have"),
    ],
)
def test_where_there_can_be_no_such_disk_that_is_said(
    copy: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], says: str
) -> None:
    if not change:
        monkeypatch.setattr(shutil, "which", lambda _tool: None)
    driver = type(
        "Elsewhere",
        (),
        {
            "is_local": staticmethod(copy.driver.is_local),
            "endpoint": "",
            **{k: staticmethod(v) if callable(v) else v for k, v in change.items()},
        },
    )()

    with pytest.raises(SeatrialError, match=says):
        faultable.prepare(driver, tmp_path)

    assert list(tmp_path.iterdir()) == []
