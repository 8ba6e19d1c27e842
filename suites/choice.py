"""Which stack a session is about, decided once from its options: ours, anyone's compose files, or a running project."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.driver import PROJECT_LABEL, Driver
from stack.errors import CannotTell, NoEngine, UserError
from stack.model import Stack
from stack.project import COMPOSE_FILE, DEFAULT, ROOT, environment

PROFILE_FILE = ROOT / "stack" / "profile.toml"
_FILES_LABEL = "com.docker.compose.project.config_files"
_FOLDER_LABEL = "com.docker.compose.project.working_dir"


class How(enum.Enum):
    """How the session comes by a running stack."""

    OURS = "brought up unless it already runs unchanged"
    ATTACHED = "attached to, and left as it is"
    FOREIGN = "attached to if it runs"
    COPY = "an isolated copy is brought up"


@dataclass(frozen=True)
class Asked:
    """The options that choose a stack."""

    compose_files: tuple[Path, ...] = ()
    profile: Path | None = None
    attach: str | None = None
    up: bool = False
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The declared stack and how to come by its running containers."""

    stack: Stack
    how: How


def choose(asked: Asked) -> Choice:
    """Load the stack that was asked for. Touches the engine only to find the files of `--attach PROJECT`.

    Raises:
        UserError: the options contradict each other, or a file is wrong.

    """
    if asked.up and (asked.attach or not asked.compose_files):
        message = "--up starts a copy of --compose-file FILE: name one, and leave --attach out"
        raise UserError(message)
    if asked.attach:
        return Choice(_attached(asked), How.ATTACHED)
    ours = not asked.compose_files or _is_ours(asked.compose_files)
    if ours:
        profile = asked.profile or PROFILE_FILE
        stack = _load(
            asked, asked.compose_files or (COMPOSE_FILE,), project=DEFAULT, profile=profile, env=environment()
        )
        return Choice(stack, How.COPY if asked.up else How.OURS)
    stack = _load(asked, asked.compose_files)
    return Choice(stack, How.COPY if asked.up else How.FOREIGN)


def _is_ours(files: Sequence[Path]) -> bool:
    return files[0].exists() and files[0].resolve() == COMPOSE_FILE.resolve()


def _attached(asked: Asked) -> Stack:
    project = str(asked.attach)
    if asked.compose_files:
        return _load(asked, asked.compose_files, project=project)
    if project == DEFAULT:
        return _load(asked, (COMPOSE_FILE,), project=project, profile=asked.profile or PROFILE_FILE, env=environment())
    files = files_of_project(project)
    return _load(asked, files, project=project)


def files_of_project(project: str) -> tuple[Path, ...]:
    """The compose files that a project's containers were made of, as compose labelled them.

    Raises:
        UserError: no engine answers, the project has no container, or its files are not on this machine.

    """
    try:
        containers = Driver.connect(project, ()).containers(all=True)
    except NoEngine as error:
        message = f"--attach {project}: {error}"
        raise UserError(message) from error
    except CannotTell as error:
        message = f"--attach {project}: the engine does not list its containers ({error})"
        raise UserError(message) from error
    if not containers:
        message = f"--attach {project}: no container carries the label {PROJECT_LABEL}={project}"
        raise UserError(message)
    labels: Mapping[str, str] = containers[0]["Config"]["Labels"]
    folder = Path(labels.get(_FOLDER_LABEL, "."))
    files = tuple(folder / name for name in labels.get(_FILES_LABEL, "").split(",") if name)
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        what = (
            f"its compose file {missing[0]} is not on this machine" if missing else "it does not tell its compose files"
        )
        message = f"--attach {project}: {what}: name them with --compose-file"
        raise UserError(message)
    return files


def _load(
    asked: Asked,
    files: Sequence[Path],
    *,
    project: str | None = None,
    profile: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Stack:
    return Stack.load(files, project=project, profile=profile or asked.profile, without=asked.without, env=env)
