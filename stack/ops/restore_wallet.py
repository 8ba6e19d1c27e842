"""Put a backup in the place of a wallet's files, once it has proved to be whole, authentic and of this very wallet.

Runs in a one-shot container that alone is given the private key and its passphrase. The wallet's files are not touched
until the new ones are decrypted, unpacked, compared with their manifest and on the disk; then each is renamed into its
place, the keys last. The wallet's RPC must be stopped: files that are open are refused. --dry-run does all but the
replacing. Whether the wallet opens is told by its RPC alone: `rescue-wallets` starts it and asks.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import IO

from stack.errors import UserError
from stack.ops import manifest, restoring
from stack.ops.backup_folder import choose
from stack.ops.backup_wallets import KEYS_SUFFIX, WALLETS, kind_of
from stack.ops.command import OK, Refused, answer
from stack.ops.encrypted_database import sync
from stack.ops.restoring import RESTORING, Keys, Phases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the one-shot restore container."""
    parser.add_argument("wallet", choices=WALLETS, help="whose files")
    restoring.add_arguments(parser)
    parser.add_argument("--from", dest="folder", type=Path, default=Path("/backups/wallets"), help="backups' folder")
    parser.add_argument("--files", type=Path, default=Path("/wallet"), help="folder of the wallet's files")
    parser.add_argument(
        "--rpc-password-file", type=Path, help="password of the wallet's RPC (default: that in /run/secrets)"
    )


def main(args: argparse.Namespace) -> int:
    """Restore one wallet and print what is now in place, with the time of each phase."""
    default = Path(f"/run/secrets/WALLET_{args.wallet.upper()}_RPC_PASSWORD")
    keys = restoring.handed_over(args, args.rpc_password_file or default)
    phases = Phases()
    made = restore(args.folder, args.wallet, args.backup, args.files, keys, phases, dry_run=args.dry_run)
    answer(
        args,
        {**asdict(made), "phases": phases.seconds, "dry_run": args.dry_run},
        f"{made.archive}: {'would restore' if args.dry_run else 'restored'} {', '.join(made.content['files'])}"
        f" in {sum(phases.seconds.values()):.2f} s",
    )
    return OK


def restore(
    folder: Path, wallet: str, backup: str, files: Path, keys: Keys, phases: Phases, *, dry_run: bool = False
) -> manifest.Manifest:
    """Replace the files of `wallet` in the folder `files` with those of a backup, and return that backup's manifest.

    Raises:
        UserError: there is no such backup, key or folder.
        Refused: the backup is truncated, changed, another wallet's or not for these keys, or the wallet is open.

    """
    if not files.is_dir():
        raise UserError(f"{files}: there is no such folder to restore into")
    with phases.phase("fetch"):
        chosen = choose(folder, backup, kind=kind_of(wallet))
        archive = manifest.require_archive(chosen, folder)
        manifest.require_seal(chosen, keys.secret)
        if not dry_run:
            _require_closed(files)
    restoring.sweep(files)
    fresh = files / f"{RESTORING}{chosen.archive}"
    packed = files / f"{RESTORING}{chosen.archive}.packed"
    try:
        with phases.phase("decrypt"):
            restoring.decrypted(chosen, archive, packed, keys)
        with phases.phase("verify"):
            fresh.mkdir()
            unpack(packed, fresh, chosen)
        if not dry_run:
            with phases.phase("replace"):
                _replace(files, fresh)
    finally:
        restoring.sweep(files, fresh.name)
    return chosen


def unpack(packed: Path, into: Path, chosen: manifest.Manifest) -> None:
    """Write the archive's files into an empty folder, where they are exactly those that the manifest names.

    Raises:
        Refused: one is missing, more than named, changed, or no plain file by a bare name.

    """
    stated = dict(chosen.content["files"])
    if not any(Path(name).suffix == KEYS_SUFFIX for name in stated):
        raise Refused(f"{chosen.archive}: holds no wallet keys file, without which nothing can be restored")
    try:
        with tarfile.open(packed, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is None or Path(member.name).name != member.name or member.name not in stated:
                    raise Refused(f"{chosen.archive}: holds {member.name!r}, which its manifest does not name")
                if _written(stream, into / member.name) != stated.pop(member.name):
                    raise Refused(f"{chosen.archive}: {member.name} is not what was backed up")
    except (tarfile.TarError, EOFError) as error:
        raise Refused(f"{chosen.archive}: is no archive of a wallet's files ({error})") from error
    if stated:
        raise Refused(f"{chosen.archive}: lacks {', '.join(sorted(stated))}, which its manifest names")


def _written(stream: IO[bytes], path: Path) -> str:
    # 0666, which the folder's default ACL cuts down to the wallet and its backup's reader; without one, the umask does
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    with os.fdopen(descriptor, "w+b") as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_closed(files: Path) -> None:
    """Look for the lock that an open wallet holds on its keys file (monero: file_io_utils.h, flock)."""
    for path in files.glob(f"*{KEYS_SUFFIX}"):
        with path.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"{path}: is open in another process: stop the wallet's RPC first") from None


def _replace(files: Path, fresh: Path) -> None:
    """Put each file in its place by one rename; wallet and keys of a moment in between are of one wallet and open."""
    owner = files.stat()
    sync(fresh)
    _require_closed(files)
    names = sorted((path.name for path in fresh.iterdir()), key=lambda name: name.endswith(KEYS_SUFFIX))
    for keys in (name for name in names if name.endswith(KEYS_SUFFIX)):
        cache = keys.removesuffix(KEYS_SUFFIX)
        if cache not in names:
            (files / cache).unlink(missing_ok=True)  # of the wallet as it was: a new one is made from the chain
    for name in names:
        os.chown(fresh / name, owner.st_uid, owner.st_gid)
        (fresh / name).rename(files / name)
    sync(files)
