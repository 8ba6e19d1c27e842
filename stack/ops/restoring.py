"""What every restore shares inside its one-shot container: the keys it is handed, the time of each phase, what it leaves."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.errors import UserError
from stack.ops import manifest
from stack.ops.backup_database import read_secret
from stack.ops.command import Refused
from stack.ops.openpgp import keyring

RESTORING = ".restoring-"


@dataclass
class Phases:
    """How long each phase took, in seconds by name, for the measured recovery time."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - began, 4)


@dataclass(frozen=True)
class Keys:
    """What opens a backup: the OpenPGP private key, its passphrase, and the secret that sealed the manifest."""

    private_key: str
    """Armored."""
    passphrase: str
    secret: str
    """The data's own: the database's key, or the password of the wallet's RPC."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every restore takes; the defaults are the paths inside the one-shot container."""
    parser.add_argument("backup", nargs="?", default="latest", help="archive's file name, or latest (the default)")
    parser.add_argument(
        "--private-key", type=Path, default=Path("/run/operator/backup-private-key.asc"), help="OpenPGP private key"
    )
    parser.add_argument(
        "--passphrase-file", type=Path, default=Path("/run/operator/BACKUP_GPG_PASSPHRASE"), help="of the private key"
    )
    parser.add_argument(
        "--keys-on-stdin",
        action="store_true",
        help="read the three keys from standard input instead of files, as JSON: private_key, passphrase, secret",
    )
    parser.add_argument("--dry-run", action="store_true", help="decrypt and verify, then leave all as it is")


def handed_over(args: argparse.Namespace, secret_file: Path) -> Keys:
    """Read the keys from standard input or from their files.

    Raises:
        UserError: they are not there.

    """
    if not args.keys_on_stdin:
        return Keys(*(read_secret(path) for path in (args.private_key, args.passphrase_file, secret_file)))
    try:
        return Keys(**json.load(sys.stdin))
    except (ValueError, TypeError) as error:
        raise UserError(f"standard input: holds no keys ({error})") from error


def decrypted(chosen: manifest.Manifest, archive: Path, into: Path, keys: Keys) -> None:
    """Decrypt a backup's archive into a new file that only its owner can read.

    Raises:
        Refused: the keys don't open it, or what it holds is not what was backed up.
        UserError: the private key is none.

    """
    into.touch(mode=0o600)
    with keyring(keys.private_key, named="private key") as ring:
        ring.decrypt(archive, into, passphrase=keys.passphrase)
    if manifest.sha256(into) != chosen.content_sha256:
        raise Refused(f"{chosen.archive}: what it decrypts to is not what was backed up")


def sweep(folder: Path, prefix: str = RESTORING) -> None:
    """Remove what a restore made on its way, this one's or that of one that was killed."""
    for left in folder.glob(f"{prefix}*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
