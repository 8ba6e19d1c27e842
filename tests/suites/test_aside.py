"""What runs aside brings its outcome back whatever it is, and takes back what it began when it is ended, whoever ends it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from stack.driver import Driver
from stack.errors import CannotTell
from stack.waiting import eventually, pause
from suites.aside import Aside
from suites.check import NotApplicable

ROOT = Path(__file__).parents[2]
SOON = timedelta(seconds=30)
EVERY = timedelta(milliseconds=20)


class Unportable(Exception):
    """An error that can't be made again from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def add(one: int, two: int) -> int:
    print("what is printed is no part of the answer")
    return one + two


def fail(kind: type[BaseException], *words: str) -> None:
    raise kind(*words)


def die() -> None:
    print("no memory", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def leave(began: Path) -> None:
    """Something that stands while it is under way, and takes long."""
    began.write_text(str(os.getpid()))
    try:
        pause(120)
    finally:
        began.unlink()


def begun(file: Path) -> int:
    """The process in which `leave` is under way."""
    return int(eventually(lambda: file.exists() and file.read_text(), within=SOON, every=EVERY, what="it has begun"))


def test_it_returns_what_the_function_returns_as_often_as_asked() -> None:
    aside = Aside(add, 1, 2)

    assert (aside.outcome(), aside.outcome(), aside.is_over) == (3, 3, True)
    assert 0 <= aside.seconds < 30


@pytest.mark.parametrize("kind", [CannotTell, AssertionError, NotApplicable, KeyError])
def test_it_raises_what_the_function_raises(kind: type[BaseException]) -> None:
    aside = Aside(fail, kind, "for this reason")

    for _ in range(2):
        with pytest.raises(kind, match="for this reason"):
            aside.outcome()


def test_an_error_that_cannot_travel_says_the_same() -> None:
    with pytest.raises(RuntimeError, match="Unportable: for this reason"):
        Aside(fail, Unportable, "for this ", "reason").outcome()


def test_a_process_that_dies_has_no_outcome() -> None:
    with pytest.raises(CannotTell, match=r"test_aside.die ended without an outcome \(exit code -9, no memory\)"):
        Aside(die).outcome()


def test_a_driver_travels_without_its_connections() -> None:
    driver = Driver("mine", (Path("compose.yaml"),), {"A": "1"}, endpoint="unix:///nonexistent/docker.sock")
    vars(driver)["api"] = threading.Lock()  # as little able to travel as a connection is

    again = pickle.loads(pickle.dumps(driver))

    assert again == driver
    assert "api" not in vars(again)


def test_who_is_cancelled_takes_back_what_it_began_and_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "began"
    aside = Aside(leave, file)
    pid = begun(file)

    aside.cancel()
    aside.cancel()

    assert not file.exists()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(CannotTell, match="without an outcome"):
        aside.outcome()


def test_cancelling_what_is_over_changes_nothing() -> None:
    aside = Aside(add, 1, 2)
    eventually(lambda: aside.is_over, within=SOON, every=EVERY, what="it is over")

    aside.cancel()

    assert aside.outcome() == 3


def test_it_takes_back_what_it_began_when_its_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "began"
    program = (
        "import sys; from pathlib import Path; from suites.aside import Aside; from tests.suites.test_aside import leave\n"
        "Aside(leave, Path(sys.argv[1])).outcome()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(file)], cwd=ROOT)
    pid = begun(file)

    parent.kill()
    parent.wait()

    eventually(lambda: not file.exists(), within=SOON, every=EVERY, what="it has taken back what it began")
    eventually(lambda: not Path(f"/proc/{pid}").exists(), within=SOON, every=EVERY, what="it is gone")
