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
    from stack.promises import Wallet

IMAGE = "seatrial/backup:local"
SERVER_USER = "10102:10102"
TIMEOUT_SECONDS = 3600.0


@dataclass(frozen=True)
class Handover:
    """What the operator hands to the container; the names are those that `--keys-on-stdin` reads (stack.ops.restoring)."""

    private_key: str
    passphrase: str
    secret: str
    """The data's own, which sealed the manifest: the database's key, or the password of the wallet's RPC."""


@dataclass(frozen=True)
class Place:
    """Where the container finds backups and database: a volume's name or a folder's path each."""

    backups: str
    """Holds the folders `database` and `wallets` with the archives; mounted read-only."""
    data: str
    """Holds the database, or the one wallet's files."""


def handover_of(stack: Stack, *, wallet: str | None = None) -> Handover:
    """Gather the operator's keys for a stack's backups of the database, or of a wallet.

    Raises:
        UserError: the profile has no such wallet; the private key is not where the profile (or `.operator/`) says.
        CannotTell: the secrets can't be decrypted.

    """
    backup, database = stack.profile.backup, stack.profile.database
    path = stack.path(backup.private_key if backup else None) or stack.operator_dir / "backup-private-key.asc"
    try:
        private_key = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: the backup private key can't be read ({error.strerror})") from error
    passphrase = (backup.passphrase_secret if backup else None) or "BACKUP_GPG_PASSPHRASE"
    secret = database.key_secret if database else "DATABASE_PASSWORD"
    if wallet is not None:
        secret = promised_wallet(stack, wallet).password_secret
    return Handover(private_key, stack.secret(passphrase), stack.secret(secret))


def promised_wallet(stack: Stack, name: str) -> Wallet:
    """What the profile says of a wallet. Raises UserError when it names no such one."""
    said = stack.profile.wallets.get(name)
    if said is None:
        raise UserError(stack.profile.missing(f"[wallets.{name}]"))
    return said


def place_of(project: str) -> Place:
    """The volumes of a project's backups and database."""
    return Place(f"{project}_backups", f"{project}_database")


def wallet_place_of(project: str, wallet: str) -> Place:
    """The volumes of a project's backups and of a wallet's files."""
    return Place(f"{project}_backups", f"{project}_wallet-{wallet}")


def restore(
    driver: Driver, keys: Handover, place: Place, *, backup: str = "latest", dry_run: bool = False
) -> Completed:
    """Run `restore-database` in a one-shot container, without network and as the server's user.

    Raises:
        CannotTell: the container could not be run. A refused restore is in the result: exit code and sentence.

    """
    return _run(driver, ["restore-database", backup], keys, place, "/data", user=SERVER_USER, dry_run=dry_run)


def restore_wallet(
    driver: Driver, keys: Handover, wallet: str, place: Place, *, backup: str = "latest", dry_run: bool = False
) -> Completed:
    """Run `restore-wallet` in a one-shot container, without network. Raises as `restore` does.

    As root: the archives are one user's and the wallet's files become another's.
    """
    return _run(driver, ["restore-wallet", wallet, backup], keys, place, "/wallet", user="0:0", dry_run=dry_run)


def _run(
    driver: Driver, command: list[str], keys: Handover, place: Place, target: str, *, user: str, dry_run: bool
) -> Completed:
    argv = ["python", "-m", "stack.ops", *command, "--keys-on-stdin", "--json"]
    done: Any = driver.run_helper(
        [*argv, *(["--dry-run"] if dry_run else [])],
        image=IMAGE,
        user=user,
        network="none",
        mounts=[_mount(place.backups, "/backups") + ",readonly", _mount(place.data, target)],
        stdin=json.dumps(asdict(keys)).encode(),
        timeout_seconds=TIMEOUT_SECONDS,
    )
    completed: Completed = done
    return completed


def _mount(source: str, target: str) -> str:
    kind = "bind" if Path(source).is_absolute() else "volume"
    return f"type={kind},source={source},target={target}"
