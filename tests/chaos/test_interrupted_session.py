"""Ctrl-C and SIGTERM while a fault stands: pytest ends with its own exit code, and the fault is taken back first."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chaos.runner import journal_of
from stack.waiting import eventually
from tests.chaos.fake_stack import FakeStack

ROOT = Path(__file__).parents[2]
TEST = """
from pathlib import Path
from chaos.faults import Paused
from chaos.injection import injected
from stack.waiting import pause
from tests.chaos.fake_stack import FakeStack

def test_something_while_a_fault_stands():
    here = Path(__file__).parent
    with injected(Paused("shop"), FakeStack(here)):
        (here / "standing").touch()
        pause(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_session_takes_its_fault_back(tmp_path: Path, number: signal.Signals) -> None:
    stack: Any = FakeStack(tmp_path)
    test = tmp_path / "test_standing.py"
    test.write_text(TEST)
    plugins = [word for name in ("suites.session", "suites.collection", "chaos.plugin") for word in ("-p", name)]
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
        *plugins,
        str(test),
    ]
    session = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        eventually((tmp_path / "standing").exists, within=timedelta(seconds=30), every=timedelta(milliseconds=50))
        assert stack.driver.inspect(stack.driver.container_ids("shop", all=True)[0])["State"]["Paused"]

        session.send_signal(number)
        output, _ = session.communicate(timeout=30)
    finally:
        session.kill()
        session.wait()

    assert session.returncode in (2, -number, 128 + number), output
    assert not stack.driver.inspect(stack.driver.container_ids("shop", all=True)[0])["State"]["Paused"]
    assert journal_of(stack).standing() == []
