"""Put a backup in the place of the database, once it has proved to be whole, authentic and of this database.

Runs in a one-shot container that alone is given the private key and its passphrase. The live database is not touched
until the new one is decrypted, verified and on the disk; then stale -wal and -shm files go and one rename puts it in place.
The servers must be stopped: a database that is open is refused. --dry-run does all but the replacing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stack.errors import UserError
from stack.ops import manifest
from stack.ops.backup_database import KIND, read_secret
from stack.ops.backup_folder import choose
from stack.ops.command import OK, Refused, answer
from stack.ops.encrypted_database import connect, in_use, inspect, sync
from stack.ops.openpgp import keyring

RESTORING = ".restoring-"
BESIDE = ("-wal", "-shm", "-journal")


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
    """What opens a backup: the OpenPGP private key and its passphrase, and the database's own key."""

    private_key: str
    """Armored."""
    passphrase: str
    database_key: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the one-shot restore container."""
    parser.add_argument("backup", nargs="?", default="latest", help="archive's file name, or latest (the default)")
    parser.add_argument("--from", dest="folder", type=Path, default=Path("/backups/database"), help="backups' folder")
    parser.add_argument("--database", type=Path, default=Path("/data/market.db"), help="the database to replace")
    parser.add_argument(
        "--key-file", type=Path, default=Path("/run/secrets/DATABASE_PASSWORD"), help="file with the database's key"
    )
    parser.add_argument(
        "--private-key", type=Path, default=Path("/run/operator/backup-private-key.asc"), help="OpenPGP private key"
    )
    parser.add_argument(
        "--passphrase-file", type=Path, default=Path("/run/operator/BACKUP_GPG_PASSPHRASE"), help="of the private key"
    )
    parser.add_argument(
        "--keys-on-stdin",
        action="store_true",
        help="read the three keys from standard input instead of files, as JSON: private_key, passphrase, database_key",
    )
    parser.add_argument("--dry-run", action="store_true", help="decrypt and verify, then leave all as it is")


def main(args: argparse.Namespace) -> int:
    """Restore one backup and print what is now in place, with the time of each phase."""
    keys = _handed_over(args)
    phases = Phases()
    restored = restore(args.folder, args.backup, args.database, keys, phases, dry_run=args.dry_run)
    answer(
        args,
        {**asdict(restored), "phases": phases.seconds, "dry_run": args.dry_run},
        f"{restored.archive}: {'would restore' if args.dry_run else 'restored'} up to sequence"
        f" {restored.content['highest_sequence']} in {sum(phases.seconds.values()):.2f} s",
    )
    return OK


def _handed_over(args: argparse.Namespace) -> Keys:
    if not args.keys_on_stdin:
        return Keys(*(read_secret(path) for path in (args.private_key, args.passphrase_file, args.key_file)))
    try:
        return Keys(**json.load(sys.stdin))
    except (ValueError, TypeError) as error:
        raise UserError(f"standard input: holds no keys ({error})") from error


def restore(
    folder: Path, backup: str, database: Path, keys: Keys, phases: Phases, *, dry_run: bool = False
) -> manifest.Manifest:
    """Replace `database` with the content of a backup, and return that backup's manifest.

    Raises:
        UserError: there is no such backup, key or folder.
        Refused: the backup is truncated, changed, foreign or not for these keys, or the database is open.

    """
    if not database.parent.is_dir():
        raise UserError(f"{database.parent}: there is no such folder to restore into")
    with phases.phase("fetch"):
        chosen = choose(folder, backup, kind=KIND)
        archive = manifest.require_archive(chosen, folder)
        manifest.require_seal(chosen, keys.database_key)
        if not dry_run:
            _require_closed(database)
    for left in database.parent.glob(f"{RESTORING}*"):
        left.unlink()  # of a restore that was killed
    fresh = database.parent / f"{RESTORING}{chosen.archive}"
    try:
        with phases.phase("decrypt"):
            fresh.touch(mode=0o600)
            with keyring(keys.private_key, named="private key") as ring:
                ring.decrypt(archive, fresh, passphrase=keys.passphrase)
            if manifest.sha256(fresh) != chosen.content_sha256:
                raise Refused(f"{chosen.archive}: what it decrypts to is not what was backed up")
        with phases.phase("verify"):
            _require_same_contents(chosen, fresh, keys.database_key)
        if not dry_run:
            with phases.phase("replace"):
                _replace(database, fresh, keys.database_key)
    finally:
        for left in database.parent.glob(f"{fresh.name}*"):
            left.unlink()
    return chosen


def _require_closed(database: Path) -> None:
    if in_use(database):
        raise Refused(f"{database}: is open in another process: stop the servers first")


def _require_same_contents(chosen: manifest.Manifest, fresh: Path, key: str) -> None:
    found = asdict(inspect(fresh, key))
    for name in ("tables", "highest_sequence", "schema_version"):
        if found[name] != chosen.content[name]:
            raise Refused(f"{chosen.archive}: {name} is {found[name]}, its manifest says {chosen.content[name]}")


def _replace(database: Path, fresh: Path, key: str) -> None:
    sync(fresh)
    _require_closed(database)
    _settle(database, key)
    # A stale -wal would be played into the new file, so it goes before the rename; a kill in between leaves the
    # old database, which holds all its own rows since it was settled above.
    for suffix in BESIDE:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    sync(database.parent)
    fresh.rename(database)
    sync(database.parent)


def _settle(database: Path, key: str) -> None:
    """Move what a crashed server left in the old -wal into the old main file, where the old database can be opened."""
    if not database.exists():
        return
    try:
        old = connect(database, key)
    except Refused:
        return  # damaged or of another key: its -wal is of no use to anybody
    try:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        old.close()
