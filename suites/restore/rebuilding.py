"""Loses the whole stack but for what an operator keeps elsewhere, and rebuilds it beside the first from that alone.

What is kept: the repository, the age key and the backup's private key, and the folder of the backups. A clone of the
repository with those keys runs the operator's own `rescue-system`; every check of a restored system asks this one.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import lifecycle
from stack.beside import beside, serving
from stack.errors import CannotTell
from stack.model import Stack
from stack.ops import one_shot
from stack.progress import Progress
from stack.project import COMPOSE_FILE, ROOT
from suites.check import not_applicable
from suites.restore.operator import typed

SUFFIX = "-restore"
OFFSETS = range(10_000, 20_000, 1_000)
KEPT = (".operator/age.key", ".operator/backup-private-key.asc", "stack/secrets.enc.yaml", "stack/backup-gpg-key.asc")


@dataclass(frozen=True)
class Rebuilt:
    """The rebuilt stack, and what `rescue-system` told of it."""

    stack: Stack
    restored: Mapping[str, Mapping[str, Any]]
    """The manifest of each restored backup, with its own phases: `database`, `wallet-buyer`, …"""
    phases: Mapping[str, float]
    """Seconds of the whole, by phase, in order."""


@contextmanager
def rebuilt_from(first: Stack, archives: Sequence[str]) -> Iterator[Rebuilt]:
    """Rebuild `first` from the named backups in a clone of the repository; all of it is gone afterwards.

    Raises:
        AssertionError: `rescue-system` fails; with its sentence.
        CannotTell: there could be no second stack, or no clone.

    """
    if first.compose_files[:1] != (COMPOSE_FILE,):
        not_applicable("a second stack beside the first needs its ports and subnets as parameters, as the reference stack's are")
    project, quiet = first.project + SUFFIX, Progress(quiet=True)
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="seatrial-rebuilt-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        clone = folder / "clone"
        phases = {"clone": _timed(clone_into, clone)}
        phases["fetch"] = _timed(fetch, first, archives, folder / "backups")
        lifecycle.down(project, progress=quiet)  # what a killed run left
        undo.callback(lifecycle.down, project, progress=quiet)
        second, offset = beside(first, project, OFFSETS, clone=clone)
        argv = ["--project", project, "--offset", str(offset), "--backups", str(folder / "backups"), "--no-build"]
        argv += ["--chain-from", first.project, *(word for name in serving(second) for word in ("--service", name))]
        told = typed("rescue-system", *argv, clone=clone)
        yield Rebuilt(second, told["restored"], phases | told["phases"])


def _timed(step: Any, *args: Any) -> float:
    began = time.monotonic()
    step(*args)
    return round(time.monotonic() - began, 3)


def clone_into(clone: Path) -> None:
    """Copy what a commit made now would hold, and the operator's keys.

    Raises:
        CannotTell: this is no git repository, or a key is not there.

    """
    argv = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotTell(f"{ROOT}: is no git repository that could be cloned ({error})") from error
    for name in [*filter(None, listed.split("\0")), *KEPT]:
        source, target = ROOT / name, clone / name
        if source.is_symlink() or not source.exists():
            if name in KEPT:
                raise CannotTell(f"{source}: is not there, and without it no backup can be opened")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    (clone / ".operator").chmod(0o700)


def fetch(first: Stack, archives: Sequence[str], folder: Path) -> None:
    """Copy backups out of the first stack's volume, as they would come from off-site.

    Raises:
        CannotTell: the engine is on another machine, or a backup can't be read.

    """
    if not first.driver.is_local():
        raise CannotTell("the engine is on another machine: its backups can't be fetched here")
    script = ["set -e", "mkdir -p /to/database /to/wallets"]
    for name in archives:
        where = "database" if name.startswith("db-") else "wallets"
        script.append(f"cp -a /from/{where}/{name} /from/{where}/{name}.json /to/{where}/")
    script.append("chown 10102:10102 /to/database /to")  # who restores the database enters as the server's user
    folder.mkdir()
    done: Any = first.driver.run_helper(
        ["sh", "-c", "\n".join(script)],
        network="none",
        mounts=[
            f"type=volume,source={one_shot.place_of(first.project).backups},target=/from,readonly",
            f"type=bind,source={folder},target=/to",
        ],
    )
    if done.code != 0:
        raise CannotTell(f"the backups can't be fetched: {done.last_words()}")
