"""Runs a restore in a container that lives for it alone and is alone given the private key: no running service holds it.

The keys go over standard input, so they are in no file, argument, variable or mount of the container.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import UserError

if TYPE_CHECKING:
    from stack.completed import Completed
    from stack.driver import Driver
    from stack.model import Stack

IMAGE = "seatrial/backup:local"
SERVER_USER = "10102:10102"
TIMEOUT_SECONDS = 3600.0


@dataclass(frozen=True)
class Handover:
    """What the operator hands to the container; the names are those `restore-database --keys-on-stdin` reads."""

    private_key: str
    passphrase: str
    database_key: str


@dataclass(frozen=True)
class Place:
    """Where the container finds backups and database: a volume's name or a folder's path each."""

    backups: str
    """Holds the folder `database` with the archives; mounted read-only."""
    data: str


def handover_of(stack: Stack) -> Handover:
    """Gather the operator's keys for a stack's backups.

    Raises:
        UserError: the private key is not where the profile (or `.operator/`) says.
        CannotTell: the secrets can't be decrypted.

    """
    backup, database = stack.profile.backup, stack.profile.database
    path = stack.path(backup.private_key if backup else None) or stack.operator_dir / "backup-private-key.asc"
    try:
        private_key = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: the backup private key can't be read ({error.strerror})") from error
    passphrase = (backup.passphrase_secret if backup else None) or "BACKUP_GPG_PASSPHRASE"
    database_key = database.key_secret if database else "DATABASE_PASSWORD"
    return Handover(private_key, stack.secret(passphrase), stack.secret(database_key))


def place_of(project: str) -> Place:
    """The volumes of a project."""
    return Place(f"{project}_backups", f"{project}_database")


def restore(
    driver: Driver, keys: Handover, place: Place, *, backup: str = "latest", dry_run: bool = False
) -> Completed:
    """Run `restore-database` in a one-shot container, without network and as the server's user.

    Raises:
        CannotTell: the container could not be run. A refused restore is in the result: exit code and sentence.

    """
    argv = ["python", "-m", "stack.ops", "restore-database", backup, "--keys-on-stdin", "--json"]
    done: Any = driver.run_helper(
        [*argv, *(["--dry-run"] if dry_run else [])],
        image=IMAGE,
        user=SERVER_USER,
        network="none",
        mounts=[_mount(place.backups, "/backups") + ",readonly", _mount(place.data, "/data")],
        stdin=json.dumps(asdict(keys)).encode(),
        timeout_seconds=TIMEOUT_SECONDS,
    )
    completed: Completed = done
    return completed


def _mount(source: str, target: str) -> str:
    kind = "bind" if Path(source).is_absolute() else "volume"
    return f"type={kind},source={source},target={target}"
