"""Every fault on a real engine: it bites, is witnessed, is taken back, and the fingerprint is what it was."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.effect import Fault
from chaos.faults import Disconnected, Killed, Latency, Partitioned, Paused, Removed, Restarted, Stopped
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.probes import healthy
from chaos.runner import Runner, journal_of
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually

SMALL = Path(__file__).parent / "small" / "compose.yaml"
PROJECT = f"st-chaos-{os.getpid()}"
SOON = timedelta(seconds=15)
NOW_AND_THEN = timedelta(milliseconds=100)


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    try:
        driver = Driver.connect(PROJECT, [SMALL])
        driver.image("seatrial/python:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine with seatrial/python:local: {reason}")
    stack = Stack.load([SMALL], project=PROJECT)
    driver.compose("up", "--detach", "--wait")
    yield stack
    Runner.of(stack).close()
    driver.compose("down", "--volumes", "--timeout", "0")


def fetches(stack: Stack, host: str) -> bool:
    """Whether the client gets a page from `host`: through the engine's DNS and over the network."""
    done = stack.container("client").exec(["curl", "-sf", "-o", "/dev/null", "-m", "1", f"http://{host}:8000/"])
    return done.ok


FAULTS: list[Fault] = [
    Killed("web"),
    Stopped("web", grace_seconds=1),
    Paused("web"),
    Restarted("web", grace_seconds=1),
    Removed("web"),
    Disconnected("web", "inside"),
    Partitioned("web", ("client",)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_bites_and_is_proved_gone(small: Stack, fault: Fault, record_property: pytest.Function) -> None:
    eventually(lambda: healthy("web").complaint(small) is None, within=SOON, every=NOW_AND_THEN)
    before = Fingerprint.of(small, fault=fault)
    began = time.monotonic()

    with injected(fault, small) as injection:
        fetches(small, "web")  # a partition has dropped nothing until somebody tries
        seen = eventually(lambda: fault.witness(small, injection.before), within=SOON, every=NOW_AND_THEN)

    took = time.monotonic() - began
    print(f"{fault}: {seen}; {took:.2f} s in all, proof {injection.proof}")
    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert all(fetches(small, name) for name in ("web", "shop", "till"))
    assert journal_of(small).standing() == []


@pytest.mark.parametrize(
    "fault",
    [Stopped("web", grace_seconds=1), Paused("web"), Disconnected("web", "inside"), Partitioned("web", ("client",))],
    ids=str,
)
def test_while_it_stands_nothing_is_served_and_afterwards_it_is(small: Stack, fault: Fault) -> None:
    assert fetches(small, "shop")

    with injected(fault, small):
        assert not fetches(small, "shop")

    assert fetches(small, "shop")


def seconds_to_fetch(stack: Stack) -> float:
    done = stack.container("client").exec(["curl", "-sf", "-o", "/dev/null", "-w", "%{time_total}", "http://web:8000/"])
    assert done.ok
    return float(done.stdout)


def test_latency_is_what_was_asked_for_and_gone_afterwards(small: Stack) -> None:
    try:
        small.driver.image("seatrial/faultbox:local")
    except CannotTell as reason:
        pytest.skip(f"needs the fault tool image: {reason}")
    fault = Latency("client", "web", 8000, milliseconds=200)
    before = min(seconds_to_fetch(small) for _ in range(12))

    with injected(fault, small) as injection:
        # The quickest of many: what a busy machine adds is not the fault's.
        slow = min(seconds_to_fetch(small) for _ in range(12))
        seen = fault.witness(small, injection.before)

    after = min(seconds_to_fetch(small) for _ in range(3))
    print(f"{fault}: {before * 1000:.1f} ms, {slow * 1000:.1f} ms, {after * 1000:.1f} ms; {seen}; {injection.proof}")
    assert seen
    assert slow >= 0.2
    assert slow - before <= 0.23
    assert after < 0.1


def test_a_crash_is_repaired_by_the_restart_policy_and_not_by_us(small: Stack) -> None:
    eventually(lambda: healthy("web").complaint(small) is None, within=SOON, every=NOW_AND_THEN)
    before = small.container("web").attrs

    with injected(Killed("web"), small):
        eventually(
            lambda: small.container("web").attrs["RestartCount"] > before["RestartCount"],
            within=SOON,
            every=NOW_AND_THEN,
        )

    assert small.container("web").id == before["Id"]


def test_other_rules_in_the_namespace_are_left_alone(small: Stack) -> None:
    from chaos import netns

    theirs = ["INPUT", "-s", "192.0.2.1/32", "-j", "DROP"]
    netns.run(small, small.container("web").attrs, "iptables", "-w", "5", "-A", *theirs)
    try:
        with injected(Partitioned("web", ("client",)), small):
            pass

        saved = netns.run(small, small.container("web").attrs, "iptables-save", "-t", "filter")
        assert "-A INPUT -s 192.0.2.1/32 -j DROP" in saved
    finally:
        netns.run(small, small.container("web").attrs, "iptables", "-w", "5", "-D", *theirs)
