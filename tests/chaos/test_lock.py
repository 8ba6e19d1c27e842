"""Two runners on one project would undo each other's faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.lock import ProjectLock, ProjectTaken


def test_a_second_runner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = (ProjectLock(tmp_path / "shop.lock", "shop") for _ in range(2))
    first.take()

    with pytest.raises(ProjectTaken, match=rf"project shop is being broken by another runner: pid {os.getpid()} since"):
        second.take()

    first.drop()
    second.take()
    second.drop()


def test_the_lock_of_a_dead_runner_is_free(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from chaos.lock import ProjectLock; "
        "ProjectLock(Path(sys.argv[1]), 'shop').take(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "shop.lock")], check=False)

    lock = ProjectLock(tmp_path / "shop.lock", "shop")
    lock.take()
    lock.drop()
