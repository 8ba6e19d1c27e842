"""Put a backup in the place of the database, once it has proved to be whole, authentic and of this database.

Runs in a one-shot container that alone is given the private key and its passphrase. The live database is not touched
until the new one is decrypted, verified and on the disk; then stale -wal and -shm files go and one rename puts it in place.
The servers must be stopped: a database that is open is refused. --dry-run does all but the replacing.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from stack.errors import UserError
from stack.ops import manifest, restoring
from stack.ops.backup_database import KIND
from stack.ops.backup_folder import choose
from stack.ops.command import OK, Refused, answer
from stack.ops.encrypted_database import connect, in_use, inspect, sync
from stack.ops.restoring import RESTORING, Keys, Phases

# With the log goes the server's note of what it acknowledged: whoever restores accepts the loss back to the backup.
BESIDE = ("-wal", "-shm", "-journal", ".acknowledged")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the one-shot restore container."""
    restoring.add_arguments(parser)
    parser.add_argument("--from", dest="folder", type=Path, default=Path("/backups/database"), help="backups' folder")
    parser.add_argument("--database", type=Path, default=Path("/data/market.db"), help="the database to replace")
    parser.add_argument(
        "--key-file", type=Path, default=Path("/run/secrets/DATABASE_PASSWORD"), help="file with the database's key"
    )


def main(args: argparse.Namespace) -> int:
    """Restore one backup and print what is now in place, with the time of each phase."""
    keys = restoring.handed_over(args, args.key_file)
    phases = Phases()
    restored = restore(args.folder, args.backup, args.database, keys, phases, dry_run=args.dry_run)
    answer(
        args,
        {**asdict(restored), "phases": phases.seconds, "dry_run": args.dry_run},
        f"{restored.archive}: {'would restore' if args.dry_run else 'restored'} up to sequence"
        f" {restored.content['highest_sequence']} in {sum(phases.seconds.values()):.2f} s",
    )
    return OK


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
        manifest.require_seal(chosen, keys.secret)
        if not dry_run:
            _require_closed(database)
    restoring.sweep(database.parent)
    fresh = database.parent / f"{RESTORING}{chosen.archive}"
    try:
        with phases.phase("decrypt"):
            restoring.decrypted(chosen, archive, fresh, keys)
        with phases.phase("verify"):
            _require_same_contents(chosen, fresh, keys.secret)
        if not dry_run:
            with phases.phase("replace"):
                _replace(database, fresh, keys.secret)
    finally:
        restoring.sweep(database.parent, fresh.name)
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
