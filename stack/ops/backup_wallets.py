"""Have each wallet write its files, archive them, encrypt the archive to the backup key and keep it with a sealed manifest.

The wallet writes its state to a new file and renames it, so after `store` the files are whole; they are archived from
one reading, and its size and checksum are in the manifest. Only the public key is needed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import tarfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.errors import UserError
from stack.ops import backup_metrics, manifest
from stack.ops.backup_database import read_secret
from stack.ops.backup_folder import ARCHIVE, MAKING, MANIFEST, locked, publish, require_folder, stamp
from stack.ops.command import OK, Refused, answer
from stack.ops.encrypted_database import sync
from stack.ops.openpgp import Keyring, keyring
from stack.ops.wallet_rpc import call
from stack.waiting import eventually

WALLETS = ("buyer", "vendor", "arbiter")
PORTS = {"buyer": 18082, "vendor": 18083, "arbiter": 18084}
KEYS_SUFFIX = ".keys"


@dataclass(frozen=True)
class Wallet:
    """One wallet: where its RPC answers, where its files are, and the RPC's password."""

    name: str
    host: str
    port: int
    files: Path
    password: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the backup service."""
    parser.add_argument("--wallet", action="append", choices=WALLETS, help="only this one (may be repeated)")
    parser.add_argument("--files", type=Path, default=Path("/wallets"), help="folder with one folder a wallet")
    parser.add_argument("--secrets", type=Path, default=Path("/run/secrets"), help="folder of the RPC passwords")
    parser.add_argument("--host", default="monero-wallet-rpc-{wallet}", help="host name of an RPC (%(default)s)")
    parser.add_argument(
        "--public-key", type=Path, default=Path("/etc/seatrial/backup-gpg-key.asc"), help="OpenPGP key to encrypt to"
    )
    parser.add_argument("--to", type=Path, default=Path("/backups/wallets"), help="folder of the backups")
    parser.add_argument("--metrics", type=Path, default=Path("/textfile"), help="node_exporter's textfile folder")
    parser.add_argument(
        "--trigger", choices=("full", "snapshot", "start", "manual"), default="manual", help="what asks for it"
    )
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait for the wallets to answer")


def main(args: argparse.Namespace) -> int:
    """Back up every wallet asked for; one that fails does not keep the others from theirs."""
    if args.wait < 0:
        raise UserError(f"--wait is {args.wait:g}, expected 0 or more seconds")
    require_folder(args.to)
    wallets = [
        Wallet(
            name,
            args.host.format(wallet=name),
            PORTS[name],
            args.files / name,
            read_secret(args.secrets / f"WALLET_{name.upper()}_RPC_PASSWORD"),
        )
        for name in args.wallet or WALLETS
    ]
    made: list[manifest.Manifest] = []
    faults: list[str] = []
    with locked(args.to), keyring(read_secret(args.public_key), named=str(args.public_key)) as keys:
        keys.require_strong_and_valid()
        for wallet in wallets:
            try:
                made.append(_recorded(wallet, args, keys))
            except Refused as fault:
                faults.append(str(fault))
    if faults:
        raise Refused("; ".join(faults))
    answer(args, {"backups": [asdict(each) for each in made]}, "\n".join(f"{each.archive}: kept" for each in made))
    return OK


def _recorded(wallet: Wallet, args: argparse.Namespace, keys: Keyring) -> manifest.Manifest:
    began = time.time()
    succeeded = False
    values: dict[str, float] = {"seatrial_backup_last_run_timestamp_seconds": began}
    try:
        store(wallet, wait_seconds=args.wait)
        made = make(wallet, args.to, keys, trigger=args.trigger)
        succeeded = True
        values |= {
            "seatrial_backup_last_success_timestamp_seconds": began,
            "seatrial_backup_size_bytes": float(made.archive_bytes),
            "seatrial_backup_duration_seconds": time.time() - began,
        }
    finally:
        values |= dict.fromkeys(("seatrial_backup_last_run_success", "seatrial_backup_verified"), float(succeeded))
        if args.metrics.is_dir():
            backup_metrics.record(args.metrics, f"wallet-{wallet.name}", values)
    return made


def store(wallet: Wallet, *, wait_seconds: float) -> None:
    """Have the wallet write its state, trying for `wait_seconds` while it starts.

    Raises:
        Refused: it did not, with what it said last.

    """
    last: list[Refused] = []

    def stored() -> bool:
        try:
            call(wallet.host, wallet.port, wallet.password, "store")
        except Refused as refused:
            last[:] = [refused]
            return False
        return True

    try:
        eventually(stored, within=timedelta(seconds=wait_seconds), every=timedelta(seconds=1), what=wallet.name)
    except AssertionError:
        raise last[0] from None


def make(wallet: Wallet, folder: Path, keys: Keyring, *, trigger: str) -> manifest.Manifest:
    """Archive and encrypt one wallet's files into the locked `folder`, and return the manifest.

    Raises:
        Refused: a wallet's keys file is not there, or a file changed while it was read.

    """
    moment = datetime.now(UTC)
    name = f"wallet-{wallet.name}-{stamp(moment)}.tar.gz{ARCHIVE}"
    plain, archive, facts = (folder / f"{MAKING}{name}{part}" for part in (".tar", "", MANIFEST))
    try:
        files = wallet_files(wallet.files)
        plain.touch(mode=0o600)
        checksums = pack(files, plain)
        require_readable(plain, checksums)
        archive.touch(mode=0o600)
        keys.encrypt(plain, archive)
        made = manifest.sealed(
            manifest.Manifest(
                archive=name,
                kind=f"wallet-{wallet.name}",
                trigger=trigger,
                made_at=moment.isoformat(timespec="milliseconds"),
                archive_bytes=archive.stat().st_size,
                archive_sha256=manifest.sha256(archive),
                content_bytes=plain.stat().st_size,
                content_sha256=manifest.sha256(plain),
                content={"files": checksums},
                fingerprint=keys.fingerprint,
            ),
            wallet.password,
        )
        manifest.write(made, facts)
        publish(folder, archive=archive, manifest=facts, name=name)
    finally:
        for left in folder.glob(f"{MAKING}{name}*"):
            left.unlink()
    return made


def wallet_files(folder: Path) -> list[Path]:
    """Give the plain files of a wallet's folder, the keys among them.

    Raises:
        Refused: there is no keys file, without which nothing can be restored.

    """
    if not folder.is_dir():
        raise Refused(f"{folder}: there is no such wallet folder")
    # not the lock or log files of a running wallet RPC, and nothing a symlink points to
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and path.suffix != ".log"
    )
    if not any(path.suffix == KEYS_SUFFIX for path in files):
        raise Refused(f"{folder}: holds no wallet keys file")
    return files


def pack(files: Sequence[Path], into: Path) -> dict[str, str]:
    """Write a gzipped tar of `files` by their bare names, fsynced, and return the SHA-256 of each as it was read."""
    checksums: dict[str, str] = {}
    with (
        into.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for path in files:
            with path.open("rb") as stream:
                checksums[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
                stream.seek(0)
                info = archive.gettarinfo(arcname=path.name, fileobj=stream)
                info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
                archive.addfile(info, stream)
    sync(into)
    return checksums


def require_readable(packed: Path, checksums: dict[str, str]) -> None:
    """Read an archive back and compare each file with what was read from the wallet.

    Raises:
        Refused: a file is not the same: it changed between the two readings.

    """
    found: dict[str, str] = {}
    with tarfile.open(packed, "r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                found[member.name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    changed = sorted(name for name in checksums if found.get(name) != checksums[name])
    if changed:
        raise Refused(f"{packed.name}: {', '.join(changed)} changed while it was read")
