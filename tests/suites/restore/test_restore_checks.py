"""Every check of the restore area is seen to pass on a good backup and to fail on each bad one."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack.journey import Ack
from stack.ops import backup_database, manifest, restore_database
from stack.ops.backup_database import Source
from stack.ops.one_shot import Handover
from suites.check import Evidence
from suites.restore import test_backup, test_refusals
from suites.restore.bench import DATABASE, Bench
from suites.restore.conftest import Trial
from suites.restore.invariants import broken
from tests.ops.conftest import DATABASE_KEY, KeyPair
from tests.suites.restore.conftest import HostBench, Shop, bench_with, made_of

ACKS = [Ack(sequence=sequence, kind="order", at=0.0, key=f"o{sequence}") for sequence in (3, 4, 5)]


# ── RST-DB-002 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_backup_opens_with_its_key_alone(bench: Bench) -> None:
    test_backup.test_decrypts_with_the_private_key_and_no_other(bench, Evidence())


def encrypt_again(bench: Bench, keys: list[Path], *, passphrase: str = "") -> None:
    """Replace the archive by the same content, encrypted to other keys, and bring the manifest along."""
    from stack.ops.openpgp import keyring

    archive, plain = bench.backups / bench.archive, bench.folder / "plain"
    with keyring(bench.keys.private_key, named="private") as ring:
        ring.decrypt(archive, plain, passphrase=bench.keys.passphrase)
    home = bench.folder / "home"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--yes", "--homedir", str(home), "--trust-model", "always", "--pinentry-mode", "loopback"]
    fingerprints = []
    for key in keys:
        subprocess.run([*gpg, "--import", str(key)], check=True, capture_output=True)
        shown = subprocess.run([*gpg, "--with-colons", "--show-keys", str(key)], check=True, capture_output=True, text=True)
        fingerprints += [line.split(":")[9] for line in shown.stdout.splitlines() if line.startswith("fpr:")][:1]
    words = [word for fingerprint in fingerprints for word in ("--recipient", fingerprint)]
    words += ["--symmetric", "--passphrase", passphrase] if passphrase else []
    subprocess.run([*gpg, *words, "--output", str(archive), "--encrypt", str(plain)], check=True, capture_output=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    plain.unlink()
    path = bench.backups / f"{bench.archive}.json"
    facts = dataclasses.replace(
        manifest.read(path), archive_bytes=archive.stat().st_size, archive_sha256=manifest.sha256(archive)
    )
    manifest.write(manifest.sealed(facts, DATABASE_KEY), path)


def test_a_backup_encrypted_to_another_key_fails(bench: Bench, other_pair: KeyPair) -> None:
    encrypt_again(bench, [other_pair.public])

    with pytest.raises(AssertionError, match="does not open with the backup private key"):
        test_backup.test_decrypts_with_the_private_key_and_no_other(bench, Evidence())


def test_a_backup_that_a_second_key_opens_fails(bench: Bench, key_pair: KeyPair, other_pair: KeyPair) -> None:
    encrypt_again(bench, [key_pair.public, other_pair.public])

    with pytest.raises(AssertionError, match="2 keys open it"):
        test_backup.test_decrypts_with_the_private_key_and_no_other(bench, Evidence())


# ── RST-DB-003 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_backup_passes(bench: Bench) -> None:
    test_backup.test_made_under_write_load_is_whole(Trial(None, made_of(bench, ACKS)), bench, Evidence())  # type: ignore[arg-type]


def test_a_backup_made_by_copying_the_live_file_fails(
    shop: Shop, source: Source, tmp_path: Path, key_pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    acks = [shop.order(sequence) for sequence in (3, 4, 5)]
    monkeypatch.setattr(backup_database, "copy_live", lambda live, copy, key: shutil.copyfile(live, copy))
    bench = bench_with(tmp_path, key_pair, source)

    with pytest.raises(AssertionError, match="up to sequence 2, expected at least 5"):
        test_backup.test_made_under_write_load_is_whole(Trial(None, made_of(bench, acks)), bench, Evidence())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("INSERT INTO ledger_entries VALUES ('t', 1)", "every transaction of the ledger sums to zero"),
        ("UPDATE orders SET sequence = 4 WHERE sequence = 5", "no two are the same"),
        ("UPDATE orders SET price_piconero = 1 WHERE sequence = 5", "at its vendor and price"),
    ],
)
def test_a_backup_whose_invariants_are_broken_fails(
    sql: str, sentence: str, shop: Shop, source: Source, tmp_path: Path, key_pair: KeyPair
) -> None:
    acks = [shop.order(sequence) for sequence in (3, 4, 5)]
    with shop.market.connection as connection:
        connection.execute(sql)
    bench = bench_with(tmp_path, key_pair, source)

    with pytest.raises(AssertionError, match=f"not true 1 times: .*{sentence}"):
        test_backup.test_made_under_write_load_is_whole(Trial(None, made_of(bench, acks)), bench, Evidence())  # type: ignore[arg-type]


def test_a_sound_shop_breaks_no_invariant(bench: Bench) -> None:
    bench.restore()

    assert broken(bench.data / DATABASE, DATABASE_KEY) == []


# ── the refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────

REFUSALS = {
    "RST-DB-007": test_refusals.test_wrong_keys_are_refused,
    "RST-DB-009": test_refusals.test_truncated_backup_is_refused,
    "RST-DB-010": test_refusals.test_tampered_backup_is_refused,
}


class CarelessBench(HostBench):
    """A restore that puts whatever it finds in the database's place."""

    def restore(self, *, keys: Handover | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Copy."""
        shutil.copyfile(self.backups / self.archive, self.data / DATABASE)
        return {}


class DestroyingBench(HostBench):
    """A restore that refuses what is bad, after it has removed what was good."""

    def restore(self, *, keys: Handover | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Remove first."""
        (self.data / DATABASE).unlink(missing_ok=True)
        return super().restore(keys=keys, dry_run=dry_run)


@pytest.fixture(autouse=True)
def unowned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the files to the user of the tests: there is no container here that would need them."""
    monkeypatch.setattr(test_refusals, "own", lambda folder: None)
    monkeypatch.setattr("suites.restore.bench.own", lambda folder: None)


@pytest.mark.parametrize("id", REFUSALS)
def test_a_careful_restore_passes(id: str, bench: Bench) -> None:
    bench.restore()

    REFUSALS[id](bench, Evidence())


@pytest.mark.parametrize("id", REFUSALS)
def test_a_restore_that_takes_anything_fails(id: str, bench: Bench) -> None:
    bench.restore()

    with pytest.raises(AssertionError, match="was restored, expected to be refused"):
        REFUSALS[id](CarelessBench(bench.stack, bench.folder, bench.archive, bench.keys), Evidence())


@pytest.mark.parametrize("id", REFUSALS)
def test_a_restore_that_removes_before_it_verifies_fails(id: str, bench: Bench) -> None:
    bench.restore()

    with pytest.raises(AssertionError, match="expected the live data untouched"):
        REFUSALS[id](DestroyingBench(bench.stack, bench.folder, bench.archive, bench.keys), Evidence())


def test_a_stale_log_is_survived(bench: Bench) -> None:
    test_refusals.test_stale_wal_does_no_damage(bench, Evidence())


def test_a_restore_that_leaves_a_stale_log_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_database, "BESIDE", ())
    monkeypatch.setattr(restore_database, "_settle", lambda database, key: None)

    with pytest.raises(AssertionError, match="expected 5|stale log was played"):
        test_refusals.test_stale_wal_does_no_damage(bench, Evidence())


def test_restoring_twice_passes(bench: Bench) -> None:
    bench.restore()

    test_refusals.test_restoring_twice_is_harmless(bench, Evidence())


def test_a_restore_that_leaves_something_each_time_fails(bench: Bench) -> None:
    class Littering(HostBench):
        def restore(self, *, keys: Handover | None = None, dry_run: bool = False) -> dict[str, Any]:
            (self.data / f"left-{len(list(self.data.iterdir()))}").touch()
            return super().restore(keys=keys, dry_run=dry_run)

    littering = Littering(bench.stack, bench.folder, bench.archive, bench.keys)
    littering.restore()

    with pytest.raises(AssertionError, match="differs after the second restore"):
        test_refusals.test_restoring_twice_is_harmless(littering, Evidence())
