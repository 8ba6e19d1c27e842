"""Small checklists for the plugin's tests: projects with a test file and no stack, run by pytest as processes of their own."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
    import os, signal, time
    import pytest
    from suites.check import *

    def checked(number, severity=Severity.HIGH, **more):
        return check(f"TST-PLUG-{number:03}", title=f"Sentence {number}", area=Area.SECURITY, severity=severity,
                     level=Level.DECLARED, impact=Impact.PASSIVE, rationale="because", remediation="mend it", **more)
"""

_ABSENT = """Check("TST-ABSENT-001", "Asked", Area.LOAD, Severity.LOW, Level.OBSERVED, Impact.PASSIVE, "r", "m")"""
CONFTEST = f"""
    import os
    import reports.plugin
    from suites.check import *
    shipped = ({_ABSENT},) if os.environ.get("WITH_ABSENT") else ()
    reports.plugin.shipped = lambda: shipped
    pytest_plugins = ("suites.collection", "reports.plugin")
"""


def write(checklist: pytest.Pytester, body: str) -> None:
    checklist.makepyfile(test_it=textwrap.dedent(HEAD) + textwrap.dedent(body))


def run(checklist: pytest.Pytester, *words: str) -> pytest.RunResult:
    return checklist.runpytest_subprocess("--reports", "out", *words)


def results_of(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "out" / "latest" / "results.json").read_text())
    return data


def started(checklist: pytest.Pytester) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--reports", "out", "-p", "no:cacheprovider"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=checklist.path)
    for _ in range(600):
        if (checklist.path / "here").exists() or running.poll() is not None:
            break
        select.select([], [], [], 0.05)
    assert running.poll() is None
    return running
