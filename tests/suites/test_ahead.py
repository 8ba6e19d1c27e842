"""A drill runs ahead beside the right checks only, its outcome arrives in its own check, and an interrupt leaves nothing of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stack.waiting import eventually

ROOT = Path(__file__).parents[2]
SOON = timedelta(seconds=30)
COMPOSE = "services:\n  web: {image: 'example/web:1'}\n  db: {image: 'example/db:1'}\n"
DRILLS = """
import os, time
from pathlib import Path

from stack.errors import CannotTell
from stack.waiting import pause
from suites.check import not_applicable

HERE = Path(__file__).parent
ENDED = HERE / "ended"
STANDS = HERE / "stands"

def where(stack):
    pause(0.5)
    ENDED.write_text("")
    return os.getpid(), stack.project

def fails(stack): raise AssertionError("web: open, expected closed")
def cannot_tell(stack): raise CannotTell("no copy could be made")
def is_none(stack): not_applicable("nothing to drill")

def lasts(stack):
    STANDS.write_text(str(os.getpid()))
    try:
        pause(120)
    finally:
        STANDS.unlink()
"""
HEAD = """
import os, signal, time
import pytest
import drills
from suites.ahead import ahead, alone
from suites.check import Area, Impact, Level, Severity, check

def made(number, impact=Impact.PASSIVE, area=Area.SECURITY):
    id = f"{'SEC' if area is Area.SECURITY else 'OBS'}-TRY-{number:03}"
    return check(id, title="It holds", area=area, severity=Severity.LOW, level=Level.OBSERVED, impact=impact,
                 rationale="A reason that is long enough.", remediation="Do the right thing.")

@pytest.fixture(scope="session")
def running(stack): return stack
"""
OTHER = "\n@made(1)\ndef test_other(): pass\n"


def write(folder: Path, checks: str) -> list[str]:
    """Write a checklist down; answers the command that runs it, without any engine."""
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "drills.py").write_text(DRILLS)
    (folder / "test_try.py").write_text(HEAD + checks)
    argv = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    for plugin in ("suites.session", "suites.collection", "suites.ahead", "reports.plugin"):
        argv += ["-p", plugin]
    argv += ["-p", "no:cacheprovider", "--reports", str(folder / "out"), "--compose-file", "compose.yaml"]
    return [*argv, "--allow", "intrusive", "-q"]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def results_of(folder: Path) -> dict[str, Any]:
    (path,) = (each for each in (folder / "out").glob("*/results.json") if each.parent.name != "latest")
    whole: dict[str, Any] = json.loads(path.read_text())
    return whole


def run(folder: Path, checks: str, *more: str) -> dict[str, dict[str, Any]]:
    """The results of a checklist, by the last digits of the ids."""
    done = subprocess.run(
        [*write(folder, checks), *more], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=90
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "INTERNALERROR" not in said, said
    return {each["id"][-3:]: each for each in results_of(folder)["results"]}


def test_its_outcome_comes_from_another_process_and_its_time_is_told(tmp_path: Path) -> None:
    checks = (
        OTHER
        + """
@made(2, Impact.INTRUSIVE)
@ahead(drills.where, beside=Impact.PASSIVE)
def test_drilled(drill, stack):
    pid, project = drill()
    assert (pid != os.getpid(), project) == (True, stack.project)
    assert drill() == (pid, project)
"""
    )
    results = run(tmp_path, checks)

    assert [results[number]["outcome"] for number in ("001", "002")] == ["PASS", "PASS"], results
    (told,) = results["002"]["measures"]
    assert told["name"] == "the drill, beside other checks"
    assert 0.5 <= told["value"] < 60


RAISED = {
    "fails": ("FAIL", "web: open, expected closed"),
    "cannot_tell": ("INCONCLUSIVE", "no copy could be made"),
    "is_none": ("NOT_APPLICABLE", "nothing to drill"),
}


@pytest.mark.parametrize("before", [OTHER, ""], ids=["ahead", "in the check itself"])
def test_what_it_raises_is_what_comes_of_the_check(tmp_path: Path, before: str) -> None:
    checks = before + "".join(
        f"\n@made({number})\n@ahead(drills.{name}, beside=Impact.{'PASSIVE' if before else 'DESTRUCTIVE'})\n"
        f"def test_{name}(drill): drill()\n"
        for number, name in enumerate(RAISED, start=2)
    )

    results = run(tmp_path, checks)

    for number, (outcome, reason) in enumerate(RAISED.values(), start=2):
        result = results[f"{number:03}"]
        assert result["outcome"] == outcome, result
        assert reason in result["reason"]


def test_where_nothing_runs_before_it_the_drill_runs_in_the_check(tmp_path: Path) -> None:
    checks = "\n@made(2)\n@ahead(drills.where, beside=Impact.PASSIVE)\ndef test_drilled(drill): assert drill()[0] == os.getpid()\n"

    assert run(tmp_path, checks + OTHER)["002"]["outcome"] == "PASS"


def test_two_checks_of_one_drill_hear_of_the_same(tmp_path: Path) -> None:
    checks = OTHER + "\nseen = set()\n" + "".join(
        f"@made({number})\n@ahead(drills.where, beside=Impact.PASSIVE)\n"
        f"def test_drilled_{number}(drill):\n    seen.add(drill()[0])\n    assert len(seen) == 1\n"
        for number in (2, 3)
    )  # fmt: skip

    assert {each["outcome"] for each in run(tmp_path, checks).values()} == {"PASS"}


@pytest.mark.parametrize(
    "of_whom",
    ["@made(3)\n@alone", "@made(3, area=Area.OBSERVABILITY)"],
    ids=["a check that is alone", "another area's check"],
)
def test_some_checks_wait_until_it_is_over(tmp_path: Path, of_whom: str) -> None:
    checks = (
        OTHER
        + f"""
@made(2)
def test_beside(): assert not drills.ENDED.exists()

{of_whom}
def test_not_beside(): assert drills.ENDED.exists()

@made(4, Impact.INTRUSIVE)
@ahead(drills.where, beside=Impact.PASSIVE)
def test_drilled(drill): drill()
"""
    )
    results = run(tmp_path, checks)

    assert {each["outcome"] for each in results.values()} == {"PASS"}, results
    assert results["003"]["seconds"] < 0.4, "who waits for a drill is not charged for it"
    phases = {each["name"]: each["seconds"] for each in results_of(tmp_path)["phases"]}
    assert phases["security"] >= 0.4


@pytest.mark.parametrize(
    ("mark", "more"),
    [("", ["-k", "not drilled"]), ("@pytest.mark.needs('db')", ["--without", "db"])],
    ids=["deselected", "excluded by name"],
)
def test_the_drill_of_a_check_that_will_not_run_is_not_begun(tmp_path: Path, mark: str, more: list[str]) -> None:
    checks = (
        f"{OTHER}\n@made(2)\n{mark}\n@ahead(drills.lasts, beside=Impact.PASSIVE)\ndef test_drilled(drill): drill()\n"
    )
    checks += "\n@made(3)\ndef test_not_begun(): time.sleep(1); assert not drills.STANDS.exists()\n"

    assert run(tmp_path, checks, *more)["003"]["outcome"] == "PASS"


INTERRUPTED = {
    "while its check waits": "\n@made(2)\n@ahead(drills.lasts, beside=Impact.PASSIVE)\ndef test_drilled(drill): drill()\n",
    "while another check runs": (
        "\n@made(2)\ndef test_long(): time.sleep(60)\n"
        "\n@made(3)\n@ahead(drills.lasts, beside=Impact.PASSIVE)\ndef test_drilled(drill): drill()\n"
    ),
    "while a check that is alone waits": (
        "\n@made(2)\n@alone\ndef test_alone(): (drills.HERE / 'ran').touch()\n"
        "\n@made(3)\n@ahead(drills.lasts, beside=Impact.PASSIVE)\ndef test_drilled(drill): drill()\n"
    ),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", INTERRUPTED)
def test_an_interrupt_takes_back_what_it_began(tmp_path: Path, when: str, number: signal.Signals) -> None:
    stands = tmp_path / "stands"
    running = subprocess.Popen(
        write(tmp_path, OTHER + INTERRUPTED[when]), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    pid = eventually(
        lambda: stands.exists() and stands.read_text(), within=SOON, every=SOON / 1500, what="it has begun"
    )

    os.kill(running.pid, number)
    said, _ = running.communicate(timeout=60)

    assert running.returncode == 2, said
    assert "INTERNALERROR" not in said
    assert "Traceback" not in said
    assert not stands.exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "ran").exists()
    assert {each["id"]: each["outcome"] for each in results_of(tmp_path)["results"]}["SEC-TRY-001"] == "PASS"


def test_a_session_that_stops_early_takes_back_what_it_began(tmp_path: Path) -> None:
    checks = (
        OTHER
        + """
@made(2)
def test_fails():
    while not drills.STANDS.exists(): time.sleep(0.01)
    assert False, "web: open, expected closed"

@made(3)
@ahead(drills.lasts, beside=Impact.PASSIVE)
def test_drilled(drill): drill()
"""
    )
    results = run(tmp_path, checks, "-x")

    assert results["002"]["outcome"] == "FAIL"
    assert not (tmp_path / "stands").exists()
