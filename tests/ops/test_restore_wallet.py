"""Restoring a wallet with real gpg: what works, and every archive that must be refused with the live files as they were."""

from __future__ import annotations

import dataclasses
import fcntl
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.errors import UserError
from stack.ops import backup_wallets, manifest
from stack.ops.backup_folder import backups, locked
from stack.ops.backup_wallets import Wallet
from stack.ops.command import Refused
from stack.ops.openpgp import keyring
from stack.ops.restore_wallet import restore
from stack.ops.restoring import Keys, Phases
from tests.ops.conftest import PASSPHRASE, KeyPair

PASSWORD = "the RPC's password"
STATE = {"address_sha256": "ab", "height": 121}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The live wallet's files: newer than what is backed up."""
    folder = tmp_path / "wallet"
    folder.mkdir()
    (folder / "buyer").write_bytes(b"cache of today")
    (folder / "buyer.keys").write_bytes(b"keys of today")
    return folder


@pytest.fixture
def wallet_keys(key_pair: KeyPair) -> Keys:
    """What opens the backups."""
    return Keys(key_pair.private.read_text(), PASSPHRASE, PASSWORD)


Keep = Callable[..., manifest.Manifest]


@pytest.fixture
def keep(tmp_path: Path, folder: Path, key_pair: KeyPair) -> Keep:
    """Make a backup of a wallet with such files, in the product's own way."""

    def made(name: str = "buyer", password: str = PASSWORD, **content: bytes) -> manifest.Manifest:
        source = tmp_path / f"source-{name}"
        source.mkdir()
        for file, data in (content or {name: b"cache", f"{name}.keys": b"keys"}).items():
            (source / file).write_bytes(data)
        wallet = Wallet(name, "nowhere", 0, source, password)
        with locked(folder), keyring(key_pair.public.read_text(), named="public") as ring:
            return backup_wallets.make(wallet, folder, ring, state=STATE, trigger="manual")

    return made


def now(files: Path) -> dict[str, bytes]:
    """All that lies in the wallet's folder."""
    return {path.name: path.read_bytes() for path in files.iterdir()}


def test_a_wallet_is_put_back(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    keep()

    made = restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert now(files) == {"buyer": b"cache", "buyer.keys": b"keys"}
    assert made.content["height"] == 121
    assert all(path.stat().st_uid == files.stat().st_uid for path in files.iterdir())


def test_a_stale_cache_does_not_outlive_keys_that_were_backed_up_without_one(
    keep: Keep, folder: Path, files: Path, wallet_keys: Keys
) -> None:
    keep(**{"buyer.keys": b"keys"})

    restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert now(files) == {"buyer.keys": b"keys"}


def test_a_rehearsal_replaces_nothing(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    keep()
    before = now(files)

    restore(folder, "buyer", "latest", files, wallet_keys, Phases(), dry_run=True)

    assert now(files) == before


def test_a_backup_of_another_wallet_is_refused(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    other = keep("vendor", "the vendor's password")
    before = now(files)

    with pytest.raises(Refused, match="is a wallet-vendor backup, expected one of kind wallet-buyer"):
        restore(folder, "buyer", other.archive, files, wallet_keys, Phases())
    with pytest.raises(UserError, match="holds no wallet-buyer backup"):
        restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert now(files) == before


def test_a_backup_under_another_password_is_refused(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    keep()
    before = now(files)

    with pytest.raises(Refused, match="of other data"):
        restore(folder, "buyer", "latest", files, dataclasses.replace(wallet_keys, secret="another"), Phases())

    assert now(files) == before


def test_no_backup_is_made_without_a_keys_file(keep: Keep, folder: Path) -> None:
    with pytest.raises(Refused, match="holds no wallet keys file"):
        keep(buyer=b"cache")

    assert backups(folder) == []


def forged(folder: Path, made: manifest.Manifest, key_pair: KeyPair, members: dict[str, bytes], *, link: str = "") -> None:
    """Replace what a backup holds, and bring manifest and seal along, as only somebody with the secret could."""
    plain, archive = folder / "plain", folder / made.archive
    with plain.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == link:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            tar.addfile(info, io.BytesIO(data))
    archive.unlink()
    with keyring(key_pair.public.read_text(), named="public") as ring:
        ring.encrypt(plain, archive)
    facts = dataclasses.replace(
        made,
        archive_bytes=archive.stat().st_size,
        archive_sha256=manifest.sha256(archive),
        content_sha256=manifest.sha256(plain),
    )
    plain.unlink()
    manifest.write(manifest.sealed(facts, PASSWORD), folder / f"{made.archive}.json")


@pytest.mark.parametrize(
    ("members", "link", "said"),
    [
        ({"buyer": b"cache", "buyer.keys": b"keys", "../evil": b"x"}, "", "holds '../evil'"),
        ({"buyer": b"cache", "/buyer.keys": b"keys"}, "", "holds '/buyer.keys'"),
        ({"buyer": b"cache", "buyer.keys": b"keys"}, "buyer.keys", "holds 'buyer.keys'"),
        ({"buyer": b"cache", "buyer.keys": b"keyz"}, "", "buyer.keys is not what was backed up"),
        ({"buyer": b"cache"}, "", "lacks buyer.keys"),
        ({"buyer": b"cache", "buyer.keys": b"keys", "buyer.more": b"x"}, "", "holds 'buyer.more'"),
    ],
    ids=["traversal", "absolute", "symlink", "changed", "without keys", "one more"],
)
def test_an_archive_that_is_not_what_its_manifest_names_is_refused(
    members: dict[str, bytes], link: str, said: str,
    keep: Keep, folder: Path, files: Path, wallet_keys: Keys, key_pair: KeyPair,
) -> None:  # fmt: skip
    forged(folder, keep(), key_pair, members, link=link)
    before = now(files)

    with pytest.raises(Refused, match=said):
        restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert now(files) == before
    assert not (files.parent / "evil").exists()


def test_an_open_wallet_is_refused(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    keep()
    before = now(files)

    with (files / "buyer.keys").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="is open in another process"):
            restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert now(files) == before


def test_what_a_killed_restore_left_is_removed(keep: Keep, folder: Path, files: Path, wallet_keys: Keys) -> None:
    keep()
    (files / ".restoring-x").mkdir()
    (files / ".restoring-x.packed").write_bytes(b"half")

    restore(folder, "buyer", "latest", files, wallet_keys, Phases())

    assert sorted(now(files)) == ["buyer", "buyer.keys"]
