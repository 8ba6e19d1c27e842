"""Makes the virtual environment from its hashed lock file, and renews it only when the lock file changes.

Standard library only.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from stack import debian
from stack.command import run
from stack.errors import UserError
from stack.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
# sqlcipher3 has wheels up to Python 3.13; below 3.11 there is no tomllib.
OLDEST, NEWEST = (3, 11), (3, 13)


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the lock file that it is made from."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def mark(self) -> Path:
        """The file that says what it was made from, written last."""
        return self.folder / "made-from"

    def wanted_mark(self) -> str:
        """What the mark says when the environment is whole and of today's lock file."""
        return f"{hashlib.sha256(self.lock.read_bytes()).hexdigest()}\n"

    def is_current(self) -> bool:
        """Whether it is whole, made from today's lock file, and its interpreter still runs."""
        try:
            current = self.mark.read_text(encoding="utf-8") == self.wanted_mark()
        except OSError:
            return False
        return current and self.python.exists()


MAIN = Environment(ROOT / ".venv", ROOT / "requirements.lock")
PYTHON = MAIN.python


def ensure(progress: Progress, environment: Environment = MAIN) -> None:
    """Make or renew the environment unless it is current; one that could not be made is not left half-made.

    Raises:
        UserError: no suitable Python, no venv module, or a package could not be installed; one sentence.

    """
    if not environment.is_current():
        _make(environment, progress)


def interpreter() -> str:
    """Return a Python that the lock files are made for: this one, else one on the PATH.

    Raises:
        UserError: there is none.

    """
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    message = f"Python 3.{OLDEST[1]} to 3.{NEWEST[1]} is needed, and this is {sys.version.split()[0]}: install one of them"
    raise UserError(message)


def _make(environment: Environment, progress: Progress) -> None:
    existed = environment.folder.exists()
    environment.mark.unlink(missing_ok=True)
    try:
        if not _works(environment):
            _create(environment, interpreter(), progress)
        count = sum(line[:1].isalnum() for line in environment.lock.read_text(encoding="utf-8").splitlines())
        with progress.step(f"installing up to {count} Python packages into {environment.folder.name}"):
            command = [str(environment.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            command += ["--require-hashes", "--only-binary", ":all:", "--requirement", str(environment.lock)]
            answer = run(command, within_seconds=1200)
        if not answer.ok:
            message = f"pip could not install {environment.lock.name}: {answer.last_words()}"
            raise UserError(message)
        environment.mark.write_text(environment.wanted_mark(), encoding="utf-8")
    except BaseException:
        if not existed:
            shutil.rmtree(environment.folder, ignore_errors=True)
        raise


def _works(environment: Environment) -> bool:
    """Whether it has an interpreter that runs and a pip, so that packages can be changed in place."""
    return environment.python.exists() and run([str(environment.python), "-m", "pip", "--version"], within_seconds=30).ok


def _create(environment: Environment, python: str, progress: Progress) -> None:
    """Create an empty environment; Debian keeps the module's other half in a package of its own (python3-venv)."""
    command = [python, "-m", "venv", "--clear", str(environment.folder)]
    with progress.step(f"creating {environment.folder.name}"):
        answer = run(command, within_seconds=120)
    if not answer.ok and ("ensurepip" in answer.output or "No module named venv" in answer.output):
        debian.install(["python3-venv"], progress, why="a virtual environment")
        answer = run(command, within_seconds=120)
    if not answer.ok:
        message = f"a virtual environment could not be made in {environment.folder}: {answer.last_words()}"
        raise UserError(message)
