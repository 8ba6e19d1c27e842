"""Which programs of a container have which limits, read from what /proc shows, and which limit is to be given back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chaos import limits
from chaos.faults.descriptors import declared
from chaos.limits import Program
from stack.completed import Completed
from stack.errors import CannotTell

SHOWN = """\
Name:\tdocker-init
Pid:\t1
PPid:\t0
Uid:\t101\t101\t101\t101
Gid:\t102\t102\t102\t102
Max open files            1024                 4096                 files
Fds: 0 1 2
.
Name:\tnginx
Pid:\t7
PPid:\t1
Uid:\t101\t101\t101\t101
Gid:\t102\t102\t102\t102
Max open files            4096                 4096                 files
Fds: 0 1 2 5 6
.
Name:\tnginx
Pid:\t8
PPid:\t7
Uid:\t101\t101\t101\t101
Gid:\t102\t102\t102\t102
Max open files            9000                 9000                 files
Fds: 0 1 2 3
.
Name:\tcurl
Pid:\t50
PPid:\t0
Uid:\t101\t101\t101\t101
Gid:\t102\t102\t102\t102
Max open files            1024                 4096                 files
Fds: 0 1 2
.
Name:\tended
Pid:\t60
.
"""


def stack(shown: str = SHOWN) -> Any:
    """A stack whose engine is elsewhere, so that a helper shows the processes."""
    run = lambda _argv, **_options: Completed(("sh",), 0, shown, "", 0.1)
    return SimpleNamespace(driver=SimpleNamespace(is_local=lambda: False, run_helper=run))


def container(**host: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/edge-1",
        "State": {"Pid": 4242},
        "HostConfig": {"Init": True, **host},
        "Config": {"User": "101"},
    }


def test_programs_are_what_runs_under_the_init() -> None:
    init, programs = limits.programs(stack(), container())

    assert (init.name, init.soft, init.hard) == ("docker-init", 1024, 4096)
    assert [(one.pid, one.uid, one.gid) for one in programs] == [(7, 101, 102), (8, 101, 102)]


@pytest.mark.parametrize(("numbers", "free"), [(set(), 0), ({0, 1, 2}, 3), ({0, 1, 2, 5}, 3), ({1, 2}, 0)])
def test_the_next_descriptor_gets_the_lowest_free_number(numbers: set[int], free: int) -> None:
    assert Program(7, 1, "nginx", 0, 0, 10, 10, frozenset(numbers)).lowest_free == free


INIT = Program(1, 0, "docker-init", 0, 0, 1024, 4096, frozenset())


@pytest.mark.parametrize(
    ("soft", "hard", "given_back"),
    [(1024, 4096, 1024), (12, 4096, 1024), (4096, 4096, 1024), (12, 9000, 9000), (2048, 2048, 2048)],
)
def test_what_is_given_back_is_the_containers_limit_or_the_one_a_program_set_for_itself(
    soft: int, hard: int, given_back: int
) -> None:
    assert declared(Program(7, 1, "nginx", 0, 0, soft, hard, frozenset()), INIT) == given_back


@pytest.mark.parametrize(
    ("shown", "host", "says"),
    [
        (SHOWN, {"Init": False}, "has no init"),
        ("", {}, "no process of it can be seen"),
        (SHOWN.split(".\n")[0], {}, "no process of it can be seen"),
    ],
)
def test_what_can_not_be_seen_is_said(shown: str, host: dict[str, Any], says: str) -> None:
    with pytest.raises(CannotTell, match=says):
        limits.programs(stack(shown), container(**host))


def test_a_container_that_is_down_has_no_limits() -> None:
    with pytest.raises(CannotTell, match="does not run"):
        limits.programs(stack(), container() | {"State": {"Pid": 0}})


@pytest.mark.parametrize(
    ("said", "raises"),
    [("failed to set the NOFILE resource limit: Operation not permitted", True), ("No such process", False)],
)
def test_a_limit_that_the_kernel_refuses_is_said_and_one_of_a_program_that_ended_is_none(
    said: str, raises: bool
) -> None:
    refusing = stack()
    refusing.driver.run_helper = lambda _argv, **_options: Completed(("prlimit",), 1, "", said, 0.1)
    program = Program(7, 1, "nginx", 101, 102, 10, 10, frozenset())

    if not raises:
        limits.limit(refusing, container(), program, 5)
        return
    with pytest.raises(CannotTell, match="Operation not permitted"):
        limits.limit(refusing, container(), program, 5)
