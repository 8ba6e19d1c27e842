"""Ctrl-C and SIGTERM at any moment: one line, the results so far, exit code 2, and never an error of pytest's own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.reports.checklists import ROOT, results_of, run, write
from tests.reports.conftest import checklist  # noqa: F401  the project that pytest is run in

pytest_plugins = "pytester"

HERE = "os.kill(os.getpid(), signal.SIGINT)"
HEAD = """
import gc, os, signal, warnings
import pytest
"""
PLACES = {
    "start": f"def pytest_configure(config):\n    {HERE}",
    "plugin loading": f"from suites.interruption import install\ninstall()\n{HERE}",
    "collection": f"def pytest_itemcollected(item):\n    {HERE}",
    "an old wrapper's end": f"@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n    yield\n    {HERE}",
    "a wrapper's end": f"@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call():\n    yield\n    {HERE}",
    "a report": f"def pytest_runtest_logreport(report):\n    {HERE}",
    "a tear-down": f"@pytest.fixture(autouse=True)\ndef one():\n    yield\n    {HERE}",
    "a set-up": f"@pytest.fixture(autouse=True)\ndef one():\n    {HERE}\n    yield",
    "the end": f"def pytest_sessionfinish():\n    {HERE}",
    "the summary": f"def pytest_terminal_summary():\n    {HERE}",
}
NOTHING_YET = ("start", "plugin loading", "collection", "a set-up")


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_lands_the_run_stops_with_2_and_renders(checklist: pytest.Pytester, place: str) -> None:  # noqa: F811
    conftest = checklist.path / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent(HEAD) + PLACES[place] + "\n")
    checklist.makeini("[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\naddopts =\n")
    write(checklist, "@checked(1)\ndef test_1(): pass\n@checked(2)\ndef test_2(): pass\n")

    done = run(checklist)

    said = done.stdout.str() + done.stderr.str()
    assert done.ret == 2, said
    assert "INTERNALERROR" not in said
    assert "Traceback" not in said
    if place not in NOTHING_YET:
        assert results_of(checklist.path)["results"][0]["outcome"] == "PASS"


def test_an_interrupt_after_everything_was_said_changes_nothing(checklist: pytest.Pytester) -> None:  # noqa: F811
    conftest = checklist.path / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent(HEAD) + f"def pytest_unconfigure():\n    {HERE}\n")
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist)

    assert done.ret == 0
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("turn", range(6))
def test_a_static_run_stopped_at_any_moment_ends_well(tmp_path: Path, number: signal.Signals, turn: int) -> None:
    command = [sys.executable, "-u", "-m", "pytest", "suites/security", "-m", "static", "-p", "no:cacheprovider"]
    running = subprocess.Popen(
        [*command, "--reports", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    assert running.stdout is not None
    head = running.stdout.readline()  # "test session starts": before it there is nothing of ours to obey
    try:
        wait = random.Random(f"{number}{turn}").uniform(0, 1.2)
        rest, _ = running.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        os.kill(running.pid, number)
        rest, _ = running.communicate(timeout=60)

    said = head + rest
    # After its last line the run is over, and Python itself ends by the signal, without a word.
    ended = rest.rstrip().endswith("=") and "!!!" not in rest
    assert running.returncode in ((2, 0, 1, -number) if ended else (2,)), said
    assert "INTERNALERROR" not in said
    assert "Traceback" not in said
