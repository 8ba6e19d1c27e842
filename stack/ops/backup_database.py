"""Copy the live SQLCipher database, verify the copy, encrypt it to the backup key and keep it with a sealed manifest.

Nothing is announced before it is verified and on the disk: copy, verify, encrypt, fsync, rename. A failure at any
step leaves the earlier backups as they were. Only the public key is needed.
"""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.errors import UserError
from stack.ops import backup_folder, backup_metrics, manifest
from stack.ops.backup_folder import ARCHIVE, MAKING, MANIFEST, locked, publish, stamp
from stack.ops.command import OK, Refused, answer
from stack.ops.encrypted_database import copy_live, inspect
from stack.ops.openpgp import keyring
from stack.waiting import eventually

KIND = "database"


@dataclass(frozen=True)
class Source:
    """What to back up, and with which keys."""

    database: Path
    key: str
    public_key: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the backup service."""
    parser.add_argument("--database", type=Path, default=Path("/data/market.db"), help="the live database")
    parser.add_argument(
        "--key-file", type=Path, default=Path("/run/secrets/DATABASE_PASSWORD"), help="file with the database's key"
    )
    backup_folder.add_arguments(parser, to="/backups/database", waits_for="the database to appear")


def main(args: argparse.Namespace) -> int:
    """Make one backup, record its metrics either way, and print its manifest."""
    backup_folder.require_possible(args)
    source = Source(args.database, read_secret(args.key_file), args.public_key)
    if args.wait:
        with suppress(AssertionError):  # its absence is reported below, like that of any other
            eventually(
                args.database.is_file, within=timedelta(seconds=args.wait), every=timedelta(seconds=0.5), what="database"
            )
    began = time.monotonic()
    made = backup_metrics.recorded(args.metrics, KIND, lambda: make(source, args.to, trigger=args.trigger))
    answer(
        args,
        {**asdict(made), "seconds": round(time.monotonic() - began, 3)},
        f"{made.archive}: {made.archive_bytes} bytes, up to sequence {made.content['highest_sequence']}, verified",
    )
    return OK


def read_secret(path: Path) -> str:
    """Read the file of a secret or a key; the last line end is not part of it.

    Raises:
        UserError: it can't be read or is empty.

    """
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from error
    if not secret:
        raise UserError(f"{path}: is empty")
    return secret


def make(source: Source, folder: Path, *, trigger: str) -> manifest.Manifest:
    """Make one verified, encrypted backup in `folder` and return its manifest.

    Raises:
        Refused: the database, the key or the copy will not do; what was there before is as it was.
        UserError: the public key can't be read.
        OSError: the disk is full or the folder can't be written to.

    """
    with locked(folder), keyring(read_secret(source.public_key), named=str(source.public_key)) as keys:
        keys.require_strong_and_valid()
        moment = datetime.now(UTC)
        name = f"db-{stamp(moment)}.sqlcipher{ARCHIVE}"
        copy, archive, facts = (folder / f"{MAKING}{name}{part}" for part in (".copy", "", MANIFEST))
        try:
            copy.touch(mode=0o600)
            copy_live(source.database, copy, source.key)
            contents = inspect(copy, source.key)
            if not contents.tables:
                raise Refused(f"{source.database}: holds no table yet, so there is nothing to back up")
            archive.touch(mode=0o600)
            keys.encrypt(copy, archive)
            made = manifest.sealed(
                manifest.Manifest(
                    archive=name,
                    kind=KIND,
                    trigger=trigger,
                    made_at=moment.isoformat(timespec="milliseconds"),
                    archive_bytes=archive.stat().st_size,
                    archive_sha256=manifest.sha256(archive),
                    content_bytes=copy.stat().st_size,
                    content_sha256=manifest.sha256(copy),
                    content=asdict(contents),
                    fingerprint=keys.fingerprint,
                ),
                source.key,
            )
            manifest.write(made, facts)
            publish(folder, archive=archive, manifest=facts, name=name)
        finally:
            for path in folder.glob(f"{MAKING}{name}*"):
                path.unlink()
    return made
