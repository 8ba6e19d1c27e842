"""What reports cost: rendering a very large run, the gate as a process, and the plugin's share of every test."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from reports.document import load, to_json
from reports.publish import RENDERINGS
from reports.scorecard import Scorecard, score
from tests.benchmarks.figure import ROOT, figure, processor_seconds_of, pytest_command, seconds_of
from tests.reports.sample import TODAY, large

_MANY, _TESTS = 10_000, 1_000


def _recorded(folder: Path) -> Path:
    (folder / "results.json").write_text(json.dumps(to_json(large(_MANY))))
    return folder


def _card(folder: Path) -> Scorecard:
    return score((), load(_recorded(folder)), (), TODAY)


@figure("Reading, scoring and rendering 10,000 results, every form", unit="s", at_most=2.0)
def rendering() -> Sequence[float]:
    """From results.json on disk to the text of every rendering."""
    taken = []
    with tempfile.TemporaryDirectory() as name:
        folder = _recorded(Path(name))
        for _ in range(3):
            begun = time.monotonic()
            card = score((), load(folder), (), TODAY)
            for render in RENDERINGS.values():
                render(card)
            taken.append(time.monotonic() - begun)
    return taken


@figure("HTML page of 10,000 results", unit="MB", at_most=10.0)
def page_size() -> Sequence[float]:
    """Bytes on disk, in millions."""
    with tempfile.TemporaryDirectory() as name:
        return [len(RENDERINGS["readiness.html"](_card(Path(name))).encode()) / 1e6]


@figure("Everything rendered of 10,000 results together", unit="MB", at_most=10.0)
def total_size() -> Sequence[float]:
    """Bytes on disk, in millions."""
    with tempfile.TemporaryDirectory() as name:
        card = _card(Path(name))
        return [sum(len(render(card).encode()) for render in RENDERINGS.values()) / 1e6]


@figure("Everything rendered of 10,000 different checks together", unit="MB", at_most=15.0)
def total_size_of_checks() -> Sequence[float]:
    """The largest a page can get: every result has an entry, a remedy and a row of its own."""
    card = score((), large(_MANY, each=1), (), TODAY)
    return [sum(len(render(card).encode()) for render in RENDERINGS.values()) / 1e6]


@figure("`python -m reports gate` as a whole process, 200 results", unit="s", at_most=0.3)
def gate() -> Sequence[float]:
    """A run of ordinary size; the verdict itself doesn't matter."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "results.json").write_text(json.dumps(to_json(large(200))))
        command = [sys.executable, "-m", "reports", "gate", name]
        return [seconds_of(command, good=(0, 1)) for _ in range(5)]


@figure("Plugin overhead per check, processor time", unit="ms", at_most=1.0)
def overhead() -> Sequence[float]:
    """Processor time of the same thousand empty checks with and without the reports plugin, in turns: what both write
    (results, raw page, renderings) is in it, and what else the machine does is not.
    """
    differences = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _checklist(folder)
        for _ in range(3):
            without, with_ = (_run(folder, plugin) for plugin in ("", "reports.plugin"))
            differences.append(1000 * (with_ - without) / _TESTS)
    return differences


def _checklist(folder: Path) -> None:
    (folder / "conftest.py").write_text(
        'import os\npytest_plugins = ("suites.collection", *filter(None, [os.environ["SEATRIAL_BENCH_PLUGIN"]]))\n'
    )
    (folder / "test_many.py").write_text(
        "from suites.check import *\n"
        '@check("TST-MANY-001", title="t", area=Area.SECURITY, severity=Severity.LOW, level=Level.DECLARED, impact=Impact.PASSIVE,\n'
        '       rationale="r", remediation="m")\n'
        f'@over("number", range({_TESTS}), reason="none")\n'
        'def test_it(number, evidence): evidence.declared("user: 10101")\n'
    )


def _run(folder: Path, plugin: str) -> float:
    env = {
        "PYTHONPATH": str(ROOT),
        "SEATRIAL_BENCH_PLUGIN": plugin,
        "PYTEST_ADDOPTS": os.environ.get("PYTEST_ADDOPTS", ""),
    }
    words = ["--reports", str(folder / "out")] if plugin else []
    return processor_seconds_of(
        pytest_command("-p", "no:locust", f"--rootdir={folder}", *words, "."), env=env, folder=folder
    )
