"""The virtual environment is made once per lock file, and never left half-made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stack import environments
from stack.command import Ran
from stack.environments import Environment, ensure, interpreter
from stack.errors import UserError
from stack.progress import Progress

QUIET = Progress(quiet=True)


class FakePrograms:
    """Stands for python and pip: notes what is run, and lets one of them fail."""

    def __init__(self, fails: str = "", output: str = "") -> None:
        self.ran: list[str] = []
        self.fails, self.output = fails, output

    def __call__(self, argv: list[str], *, within_seconds: float) -> Ran:
        line = " ".join(argv)
        self.ran.append(line)
        if self.fails and self.fails in line:
            return Ran(tuple(argv), 1, self.output)
        if "-m venv" in line:
            python = Path(argv[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return Ran(tuple(argv), 0, "")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A lock file of two packages, and no environment yet."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1 \\\n    --hash=sha256:00\ntwo==2 \\\n    --hash=sha256:00\n")
    return Environment(tmp_path / ".venv", lock)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    """Programs that all succeed."""
    programs = FakePrograms()
    monkeypatch.setattr(environments, "run", programs)
    return programs


def test_packages_are_installed_with_their_hashes_and_no_code_of_theirs_is_run(
    environment: Environment, fake: FakePrograms
) -> None:
    ensure(QUIET, environment)

    assert "--require-hashes --only-binary :all:" in fake.ran[-1]
    assert environment.is_current()


def test_a_second_run_does_nothing(environment: Environment, fake: FakePrograms) -> None:
    ensure(QUIET, environment)
    fake.ran.clear()

    ensure(QUIET, environment)

    assert fake.ran == []


def test_a_changed_lock_file_renews_it_in_place(environment: Environment, fake: FakePrograms) -> None:
    ensure(QUIET, environment)
    environment.lock.write_text("one==2\n")
    fake.ran.clear()

    ensure(QUIET, environment)

    assert environment.is_current()
    assert not any("-m venv" in line for line in fake.ran)


def test_an_environment_that_could_not_be_filled_is_not_left(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FakePrograms("pip install", "Collecting\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    monkeypatch.setattr(environments, "run", failing)

    with pytest.raises(UserError, match=r"could not install requirements.lock: ERROR: THESE PACKAGES DO NOT MATCH"):
        ensure(QUIET, environment)

    assert not environment.folder.exists()


def test_ctrl_c_while_it_is_filled_leaves_none(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakePrograms()

    def interrupted(argv: list[str], *, within_seconds: float) -> Ran:
        if "install" in argv:
            raise KeyboardInterrupt
        return fake(argv, within_seconds=within_seconds)

    monkeypatch.setattr(environments, "run", interrupted)

    with pytest.raises(KeyboardInterrupt):
        ensure(QUIET, environment)

    assert not environment.folder.exists()


def test_a_python_without_venv_gets_debians_package(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(packages: list[str], progress: Progress, *, why: str) -> None:
        asked.extend(packages)
        message = "run this as root, or `apt-get install python3-venv` first"
        raise UserError(message)

    monkeypatch.setattr(environments, "run", FakePrograms("-m venv", "ensurepip is not available"))
    monkeypatch.setattr(environments.debian, "install", refuse)

    with pytest.raises(UserError, match="apt-get install python3-venv"):
        ensure(QUIET, environment)

    assert asked == ["python3-venv"]


def test_this_python_is_taken_where_it_fits() -> None:
    assert interpreter() == sys.executable


def test_another_python_is_looked_for_where_this_one_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(environments.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "python3.12" else None)

    assert interpreter() == "/usr/bin/python3.12"


def test_no_python_that_fits_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)

    with pytest.raises(UserError, match=r"Python 3.11 to 3.13 is needed"):
        interpreter()
