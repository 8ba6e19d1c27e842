"""A failure that repeats stays one; one that does not is told by name; what is no bad moment is not asked again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFTEST = """
import pytest
from tests.again import Again
def pytest_addoption(parser):
    parser.addoption("--again", action="store_true")
def pytest_configure(config):
    if config.getoption("--again"):
        config.pluginmanager.register(Again(config))
"""
ONCE = """
from pathlib import Path
def test_fine(): pass
def test_bad_moment():
    seen = Path(__file__).with_name("seen")
    before = seen.exists()
    seen.touch()
    assert before, "the first time"
"""


def ask(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-q", "--again", "--rootdir", str(folder), str(folder / "test_it.py")]
    return subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )


def test_what_passes_when_asked_again_is_told_by_name_and_is_no_failure(tmp_path: Path) -> None:
    done = ask(tmp_path, ONCE)

    assert done.returncode == 0, done.stdout
    assert "AssertionError: the first time" in done.stdout
    assert "FLAKY? test_it.py::test_bad_moment: passed when asked again by itself" in done.stdout


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("def test_wrong(): assert 0\n", "test_it.py::test_wrong: failed again"),
        ("".join(f"def test_{n}(): assert 0\n" for n in range(4)), "4 failed: more than 3 are not asked again"),
        ("def test_wrong(:\n", ""),
        ("import pytest\ndef test_wrong(): assert 0\ndef test_stop(): pytest.exit('enough')\n", ""),
        # Its neighbour's error in tear-down is another failure of the same test: it is not hidden by the first one.
        (
            "import pytest\n@pytest.fixture\ndef it():\n    yield\n    assert 0\ndef test_wrong(it): assert 0\n",
            "",
        ),
    ],
    ids=["again", "many", "unreadable", "interrupted", "twice"],
)
def test_everything_else_stays_a_failure(tmp_path: Path, tests: str, said: str) -> None:
    done = ask(tmp_path, tests)

    assert done.returncode != 0
    assert said in done.stdout
    assert said or "FLAKY?" not in done.stdout
