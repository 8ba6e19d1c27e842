"""One deployment at a time: a living holder is named, and what a dead one left running is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stack.completed import complete
from stack.deployment import running
from stack.deployment.running import _take
from stack.errors import CannotTell
from stack.lock import Lock, Taken
from stack.progress import Progress

QUIET = Progress(quiet=True)
KILLED_WITH_A_CHILD = """
import os, signal, subprocess, sys
from pathlib import Path
from stack.lock import Lock
lock = Lock(Path(sys.argv[1]), why="")
lock.take()
child = [sys.executable, "-c", "import time; time.sleep(float(" + repr(sys.argv[2]) + "))"]
subprocess.Popen(child, pass_fds=(lock.descriptor,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.kill(os.getpid(), signal.SIGKILL)
"""


def lock(folder: Path) -> Lock:
    return Lock(folder / "deployment.lock", why="shop is being deployed to by another process")


def killed(folder: Path, *, child_lives: float) -> None:
    """Somebody takes the lock, starts a child that holds on to it, and is killed."""
    argv = [sys.executable, "-c", KILLED_WITH_A_CHILD, str(folder / "deployment.lock"), str(child_lives)]
    subprocess.run(argv, check=False)


def test_a_living_holder_is_named_and_not_waited_for(tmp_path: Path) -> None:
    first, second = lock(tmp_path), lock(tmp_path)
    first.take()

    with pytest.raises(Taken, match=f"shop is being deployed to by another process: pid {os.getpid()} since"):
        _take(second, QUIET)

    first.drop()
    _take(second, QUIET)
    second.drop()


def test_a_child_of_a_dead_one_is_waited_for(tmp_path: Path) -> None:
    killed(tmp_path, child_lives=1)
    mine = lock(tmp_path)

    with pytest.raises(Taken):
        mine.take()
    _take(mine, QUIET)

    assert mine.descriptor
    mine.drop()


def test_a_child_that_does_not_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(tmp_path, child_lives=5)
    monkeypatch.setattr(running, "_ENDS_WITHIN", timedelta(milliseconds=50))

    with pytest.raises(CannotTell, match=r"what a killed deployment \(pid [0-9]+ since .*\) had begun has not ended"):
        _take(lock(tmp_path), QUIET)


def test_a_program_gets_the_lock_that_it_is_handed(tmp_path: Path) -> None:
    mine = lock(tmp_path)
    mine.take()
    open_files = ["sh", "-c", f"test -e /proc/self/fd/{mine.descriptor}"]

    assert complete(open_files, timeout_seconds=10, keep_open=(mine.descriptor,)).ok
    assert not complete(open_files, timeout_seconds=10).ok

    mine.drop()


def test_a_lock_that_is_not_held_has_no_descriptor(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not locked by this process"):
        _ = lock(tmp_path).descriptor
