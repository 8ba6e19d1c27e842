"""Runs the product's own backup image on a bench, under keys, disks and clocks that the running stack never sees."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stack.completed import Completed
from stack.errors import CannotTell
from stack.ops import one_shot
from suites.restore.bench import Bench, own

KEYS = "keys"


def key_file(bench: Bench, name: str, content: str) -> str:
    """Put a key beside the bench, and return the path that it has in the container."""
    folder = bench.folder / KEYS
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    own(folder)
    return f"/{KEYS}/{name}"


def public_key_of(bench: Bench) -> str:
    """The public key that the stack's backups are encrypted to.

    Raises:
        CannotTell: the profile names none, or it can't be read.

    """
    said = bench.stack.profile.backup
    path = bench.stack.path(said.public_key) if said else None
    try:
        return path.read_text(encoding="utf-8") if path else _missing(bench)
    except OSError as error:
        raise CannotTell(f"{path}: the backup's public key can't be read ({error.strerror})") from error


def _missing(bench: Bench) -> str:
    raise CannotTell(bench.stack.profile.missing("[backup] public_key = …"))


def run(
    bench: Bench,
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    mounts: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    read_only: bool = False,
    timeout_seconds: float = 180,
) -> Completed:
    """Run a command in the backup image with the bench's backups, data and keys, as the server's user, without network.

    Raises:
        CannotTell: it could not be run, or did not end in time.

    """
    how = ",readonly" if read_only else ""
    own_mounts = [
        f"type=bind,source={bench.folder / 'backups'},target=/backups{how}",
        f"type=bind,source={bench.data},target=/data{how}",
    ]
    if (bench.folder / KEYS).is_dir():
        own_mounts.append(f"type=bind,source={bench.folder / KEYS},target=/{KEYS},readonly")
    done: Any = bench.stack.driver.run_helper(
        argv,
        image=one_shot.IMAGE,
        user=one_shot.SERVER_USER,
        network="none",
        mounts=[*own_mounts, *mounts],
        stdin=stdin,
        env=env,
        timeout_seconds=timeout_seconds,
    )
    completed: Completed = done
    return completed


def run_inside(bench: Bench, program: str, *args: str, mounts: Sequence[str] = ()) -> Any:
    """Run a program of suites/restore/inside in the container, with the keys on its standard input; return its JSON.

    Raises:
        CannotTell: it fell over.

    """
    found = importlib.util.find_spec(f"suites.restore.inside.{program}")
    if found is None or found.origin is None:
        raise CannotTell(f"there is no program {program} to run inside")
    source = Path(found.origin).read_text(encoding="utf-8")
    key_file(bench, "public.asc", public_key_of(bench))
    keys = json.dumps(asdict(bench.keys)).encode()
    done = run(bench, ["python", "-c", source, *args], stdin=keys, mounts=mounts, read_only=True, timeout_seconds=600)
    if done.code != 0:
        raise CannotTell(f"{program}: fell over in its container: {done.last_words()}")
    return json.loads(done.stdout)
