"""Have each wallet write its files, archive them, encrypt the archive to the backup key and keep it with a sealed manifest.

The wallet writes its state to a new file and renames it, so after `store` the files are whole; they are archived from
one reading, and its size and checksum are in the manifest. Only the public key is needed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from stack.ops import backup_folder, backup_metrics, manifest
from stack.ops.backup_database import read_secret
from stack.ops.backup_folder import ARCHIVE, MAKING, MANIFEST, locked, publish, stamp
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


def kind_of(wallet: str) -> str:
    """The kind that a manifest gives to a wallet's backup."""
    return f"wallet-{wallet}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the defaults are the paths inside the backup service."""
    parser.add_argument("--wallet", action="append", choices=WALLETS, help="only this one (may be repeated)")
    parser.add_argument("--files", type=Path, default=Path("/wallets"), help="folder with one folder a wallet")
    parser.add_argument("--secrets", type=Path, default=Path("/run/secrets"), help="folder of the RPC passwords")
    parser.add_argument("--host", default="monero-wallet-rpc-{wallet}", help="host name of an RPC (%(default)s)")
    backup_folder.add_arguments(parser, to="/backups/wallets", waits_for="the wallets to answer")


def main(args: argparse.Namespace) -> int:
    """Back up every wallet asked for; one that fails does not keep the others from theirs."""
    backup_folder.require_possible(args)
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
                keep = partial(_stored_and_kept, wallet, args, keys)
                made.append(backup_metrics.recorded(args.metrics, kind_of(wallet.name), keep))
            except Refused as fault:
                faults.append(str(fault))
    if faults:
        raise Refused("; ".join(faults))
    answer(args, {"backups": [asdict(each) for each in made]}, "\n".join(f"{each.archive}: kept" for each in made))
    return OK


def _stored_and_kept(wallet: Wallet, args: argparse.Namespace, keys: Keyring) -> manifest.Manifest:
    store(wallet, wait_seconds=args.wait)
    return make(wallet, args.to, keys, state=state_of(wallet), trigger=args.trigger)


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


def state_of(wallet: Wallet) -> dict[str, Any]:
    """Ask what a restored wallet must be again: its address, hashed since manifests are not encrypted, and its height.

    Raises:
        Refused: the wallet does not say.

    """
    address, height = (call(wallet.host, wallet.port, wallet.password, name) for name in ("get_address", "get_height"))
    return {"address_sha256": hashed(str(address["address"])), "height": int(height["height"])}


def hashed(address: str) -> str:
    """What stands for an address in a manifest."""
    return hashlib.sha256(address.encode()).hexdigest()


def make(wallet: Wallet, folder: Path, keys: Keyring, *, state: Mapping[str, Any], trigger: str) -> manifest.Manifest:
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
                kind=kind_of(wallet.name),
                trigger=trigger,
                made_at=moment.isoformat(timespec="milliseconds"),
                archive_bytes=archive.stat().st_size,
                archive_sha256=manifest.sha256(archive),
                content_bytes=plain.stat().st_size,
                content_sha256=manifest.sha256(plain),
                content={"files": checksums, **state},
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
