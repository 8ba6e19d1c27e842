"""What a run's evidence is evidence *of*: the commit, the images, the rendered compose file, the versions, the time.

Why this exists: a scorecard that could belong to any release proves nothing about this one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reports.repeat import PYTEST
from stack.errors import SeatrialError
from suites.session import seed_of

_ROOT = Path(__file__).resolve().parent.parent
_WATCHED = ("pytest", "hypothesis", "docker", "pytest-testinfra", "requests", "locust", "cryptography")


def begun(config: pytest.Config, stack: Any | None) -> dict[str, Any]:
    """What is known before anything starts; ``stack`` is the declared stack, or None where the run has none."""
    found: dict[str, Any] = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([PYTEST, *map(str, config.invocation_params.args)]),
        "arguments": [str(word) for word in config.invocation_params.args],
        "directory": _directory(config),
        "gate": config.getoption("gate"),
        "seed": seed_of(config) if config.pluginmanager.has_plugin("suites.session") else None,
        "versions": versions() | own_commit(),
        "host": {"system": platform.platform(), "node": platform.node(), "python": platform.python_version()},
        **commit(_home(config, stack)),
        "source_root": _git(_home(config, stack), "rev-parse", "--show-toplevel"),
    }
    return found | (declared(stack) if stack is not None else {"exclusions": []})


def _directory(config: pytest.Config) -> str:
    """The folder a run was started in, where that is another than Seatrial's own; empty else."""
    here = config.invocation_params.dir
    return "" if here == config.rootpath else str(here)


def versions() -> dict[str, str]:
    """The versions of this product and of what it judges with."""
    with (_ROOT / "pyproject.toml").open("rb") as file:
        own = {"seatrial": str(tomllib.load(file)["project"]["version"]), "python": sys.version.split()[0]}
    for name in _WATCHED:
        try:
            own[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return own


def _home(config: pytest.Config, stack: Any | None) -> Path:
    """Whose commit a run is about: the folder of the first compose file, or of the checks where there is no stack."""
    files = stack.compose_files if stack is not None else ()
    return Path(files[0]).resolve().parent if files else config.rootpath


def own_commit() -> dict[str, str]:
    """The commit of the Seatrial that judged, with a plus sign where its files differ; nothing where git can't tell."""
    own = commit(_ROOT)
    return {"seatrial commit": f"{own['commit']}{'+' if own['dirty'] else ''}"} if own["commit"] else {}


def commit(folder: Path) -> dict[str, Any]:
    """The commit that ``folder`` is at and whether files differ from it; both None where git can't tell."""
    head = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if head is not None else None
    return {"commit": head, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, no repository: the manifest then says that the commit is not known
    return done.stdout.strip()


def declared(stack: Any) -> dict[str, Any]:
    """What the declarations say: project, files, the hash of the rendered compose file, exclusions, and what each tier
    needs.
    """
    rendered = json.dumps(stack.rendered, sort_keys=True, separators=(",", ":"), default=str)
    return {
        "project": stack.project,
        "compose_files": [str(path) for path in stack.compose_files],
        "compose_sha256": hashlib.sha256(rendered.encode()).hexdigest(),
        "secrets": sorted(stack.rendered.get("secrets", {})),
        "exclusions": sorted(stack.excluded),
        "gates": stack.profile.gate.model_dump(mode="json"),
        "objectives": stack.profile.objectives.model_dump(mode="json", exclude_none=True),
        "attached": bool(stack.attached),
    }


def running(stack: Any) -> Mapping[str, Any]:
    """What runs: each service's image id, what of it doesn't, and the engine. Where the engine can't be asked, why."""
    try:
        images = {
            one["Config"]["Labels"].get("com.docker.compose.service", "?"): one["Image"]
            for one in stack.driver.containers()
        }
        info = stack.driver.info()
    except SeatrialError as error:
        return {"images": {}, "engine": {"unknown": str(error)}}
    wanted = ("ServerVersion", "OperatingSystem", "KernelVersion", "Architecture", "CgroupVersion", "NCPU", "MemTotal")
    expected = {one.name for one in stack.services if not one.idle and not one.one_shot}
    found: dict[str, Any] = {"absent": sorted(expected - images.keys())} if images else {}
    return found | {"images": dict(sorted(images.items())), "engine": {key: info[key] for key in wanted if key in info}}
