"""What the trials themselves cost: bring-up and tear-down, the security area, and a whole readiness run, all warm."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

from tests.benchmarks.figure import figure, pytest_command, seconds_of
from tests.benchmarks.resident import highest_resident

_NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
_STACK = [sys.executable, "-m", "stack"]
_ANSWERED = (0, 1)
"""A FAIL on the stack is an answer; what is measured is how long it takes to get it."""


@figure("Static security checks as a whole process, without an engine", unit="s", at_most=5.0)
def static_security() -> Sequence[float]:
    """From the command to its exit, with an engine address nobody answers at."""
    with tempfile.TemporaryDirectory() as out:
        command = pytest_command("suites/security", "-m", "static", "--reports", out)
        return [seconds_of(command, env=_NO_ENGINE, good=_ANSWERED) for _ in range(3)]


@figure("Warm bring-up of the whole stack", unit="s", at_most=25.0)
def bring_up() -> Sequence[float]:
    """Images and chain are there; every service healthy at the end. Leaves the stack up."""
    seconds_of([*_STACK, "up"])
    seen = []
    for _ in range(3):
        seconds_of([*_STACK, "down"])
        seen.append(seconds_of([*_STACK, "up"]))
    return seen


@figure("Security area on the running stack", unit="s", at_most=60.0)
def running_security() -> Sequence[float]:
    """The stack runs before and after."""
    seconds_of([*_STACK, "up"])
    with tempfile.TemporaryDirectory() as out:
        return [seconds_of(pytest_command("suites/security", "--reports", out), good=_ANSWERED) for _ in range(3)]


@figure("Security area on the running stack: memory of pytest and all it starts, at its highest", unit="MB", at_most=300.0)
def running_security_memory() -> Sequence[float]:
    """Resident sets added up, so that what processes share counts once for each: never too little. The stack runs before."""
    seconds_of([*_STACK, "up"])
    with tempfile.TemporaryDirectory() as out:
        return [highest_resident(pytest_command("suites/security", "--reports", out), good=_ANSWERED)]


@figure("Tear-down of the whole stack", unit="s", at_most=6.0)
def tear_down() -> Sequence[float]:
    """Containers, networks and volumes are gone at the end."""
    seen = []
    for _ in range(3):
        seconds_of([*_STACK, "up"])
        seen.append(seconds_of([*_STACK, "down"]))
    return seen


@figure("Whole warm readiness run", unit="s", at_most=360.0)
def readiness() -> Sequence[float]:
    """`make readiness` with everything that is cached in place; its verdict doesn't matter here."""
    return [seconds_of(["make", "readiness"], good=(0, 2))]
