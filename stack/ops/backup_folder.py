"""Where backups are kept: names, the lock, and how a backup becomes visible all at once or not at all.

Everything is built under a name that begins with `.making-` and renamed at the end, the manifest last: an archive
without a manifest is what a killed run left, and the next run removes it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stack.errors import UserError
from stack.ops.command import Refused
from stack.ops.encrypted_database import sync
from stack.ops.manifest import Manifest, read
from stack.waiting import pause

MAKING = ".making-"
MANIFEST = ".json"
ARCHIVE = ".gpg"
LOCK = ".lock"
LOCK_WAIT_SECONDS = 120.0


def add_arguments(parser: argparse.ArgumentParser, *, to: str, waits_for: str) -> None:
    """Declare what every backup command takes; the defaults are the paths inside the backup services."""
    parser.add_argument(
        "--public-key", type=Path, default=Path("/etc/seatrial/backup-gpg-key.asc"), help="OpenPGP key to encrypt to"
    )
    parser.add_argument("--to", type=Path, default=Path(to), help="folder of the backups")
    parser.add_argument("--metrics", type=Path, default=Path("/textfile"), help="node_exporter's textfile folder")
    parser.add_argument(
        "--trigger", choices=("full", "snapshot", "start", "manual"), default="manual", help="what asks for it"
    )
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help=f"wait for {waits_for}")


def require_possible(args: argparse.Namespace) -> None:
    """Hold what a command line says of `add_arguments` to what can be.

    Raises:
        UserError: the wait is negative, or there is no such folder.

    """
    if args.wait < 0:
        raise UserError(f"--wait is {args.wait:g}, expected 0 or more seconds")
    require_folder(args.to)


def stamp(when: datetime) -> str:
    """Write a moment as it stands in file names: UTC, sortable, without separators a shell would trip over."""
    return when.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


def require_folder(folder: Path) -> Path:
    """Return `folder`, or say in one sentence why it will not do.

    Raises:
        UserError: it is not there, or is not a folder.

    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such backup folder")
    return folder


@contextlib.contextmanager
def locked(folder: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the folder for one run at a time, waiting for another's end; the kernel lets go when a holder is killed.

    What an earlier, killed run left half-made is removed on the way in.

    Raises:
        Refused: another run held it for the whole wait.

    """
    with (folder / LOCK).open("a", encoding="utf-8") as handle:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused(f"{folder}: another backup run has held it for {wait_seconds:g} s") from None
                pause(0.2)
        _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        unfinished = path.suffix == ARCHIVE and not path.with_name(path.name + MANIFEST).exists()
        if path.name.startswith(MAKING) or unfinished:
            path.unlink()


def publish(folder: Path, *, archive: Path, manifest: Path, name: str) -> Path:
    """Make a finished backup visible under `name`, on the disk before it is announced; return the manifest's path."""
    sync(archive)
    sync(manifest)
    archive.rename(folder / name)
    sync(folder)
    final = folder / (name + MANIFEST)
    manifest.rename(final)
    sync(folder)
    return final


def backups(folder: Path, *, kind: str | None = None) -> list[Manifest]:
    """Give the manifests of a folder's finished backups, newest first; `kind` keeps only that kind.

    Raises:
        UserError: there is no such folder.
        Refused: a manifest can't be read.

    """
    found = [read(path) for path in require_folder(folder).glob(f"*{ARCHIVE}{MANIFEST}") if path.name[0] != "."]
    chosen = [manifest for manifest in found if kind is None or manifest.kind == kind]
    return sorted(chosen, key=lambda manifest: (manifest.made_at, manifest.archive), reverse=True)


def choose(folder: Path, name: str, *, kind: str) -> Manifest:
    """Find the backup that `name` stands for: an archive's file name, or `latest`.

    Raises:
        UserError: there is none of that kind or name.
        Refused: the one of that name is of another kind, or its manifest can't be read.

    """
    if name != "latest":
        path = require_folder(folder) / (Path(name).name + MANIFEST)
        if not path.exists() and not (folder / Path(name).name).exists():
            raise UserError(f"{folder}: holds no backup named {name}")
        named = read(path)
        if named.kind != kind:
            raise Refused(f"{named.archive}: is a {named.kind} backup, expected one of kind {kind}")
        return named
    found = backups(folder, kind=kind)
    if not found:
        raise UserError(f"{folder}: holds no {kind} backup yet")
    return found[0]
