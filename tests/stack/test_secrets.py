"""Secrets are encrypted with real sops and age, open with one key alone, and reach each consumer and nobody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pyrage
import pytest

from stack import backup_key, secrets
from stack.errors import UserError

VALUES: Mapping[str, str] = {name: f"value-of-{name}" for name in secrets.NAMES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clone with an age key and encrypted secrets, but without the backup key, which takes seconds to make."""
    (tmp_path / "stack").mkdir()
    (tmp_path / ".operator").mkdir(mode=0o700)
    secrets._make_age_key(secrets.Places(tmp_path).age_key)
    secrets.encrypt(tmp_path, VALUES)
    return tmp_path


def test_what_was_encrypted_is_what_is_decrypted(root: Path) -> None:
    assert secrets.decrypt(root) == VALUES


def test_no_value_stands_in_the_encrypted_file(root: Path) -> None:
    text = secrets.Places(root).encrypted.read_text()

    assert not [value for value in VALUES.values() if value in text]
    assert text.count("ENC[AES256_GCM") >= len(VALUES)


def test_another_age_key_does_not_open_the_file(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")

    with pytest.raises(UserError, match="sops could not decrypt"):
        secrets.decrypt(root, age_key=other)


def test_a_file_without_its_key_is_not_replaced(root: Path) -> None:
    secrets.Places(root).age_key.unlink()

    with pytest.raises(UserError, match=r"age\.key, which opens it, is not"):
        secrets.ensure(root)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({**VALUES, "ANOTHER": "x"}, "unknown secret ANOTHER"),
        ({name: VALUES[name] for name in list(VALUES)[1:]}, "no value for GRAFANA_ADMIN_PASSWORD"),
        ({**VALUES, "SESSION_SECRET": ""}, "no value for SESSION_SECRET"),
    ],
)
def test_wrong_sets_of_secrets_are_refused(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        secrets.check(values)


def test_rotation_changes_the_named_secret_alone_and_names_its_consumers(root: Path) -> None:
    restart = secrets.rotate(root, ["WALLET_BUYER_RPC_PASSWORD"])

    now = secrets.decrypt(root)
    assert {name for name in VALUES if now[name] != VALUES[name]} == {"WALLET_BUYER_RPC_PASSWORD"}
    assert set(restart) == {"server-blue", "server-green", "monero-wallet-rpc-buyer", "monero-exporter", "backup-wallets"}


def test_a_rehearsed_rotation_changes_nothing(root: Path) -> None:
    secrets.rotate(root, ["SESSION_SECRET"], dry_run=True)

    assert secrets.decrypt(root) == VALUES


def test_a_secret_that_locks_data_is_not_rotated_by_itself(root: Path) -> None:
    with pytest.raises(UserError, match="the database is encrypted under it"):
        secrets.rotate(root, ["DATABASE_PASSWORD"])


def test_every_consumer_gets_its_own_secrets_and_no_others(tmp_path: Path) -> None:
    top = secrets.render(VALUES, tmp_path)

    for consumer in secrets.CONSUMERS:
        files = {file.name for file in (top / consumer.service).iterdir()}
        extra = {"wallet-rpc.conf", "health.curlrc"} if consumer.wallet else set()
        assert files == set(consumer.names) | extra


def test_rendered_files_are_readable_by_their_consumer_alone(tmp_path: Path) -> None:
    top = secrets.render(VALUES, tmp_path)

    assert stat.S_IMODE(top.stat().st_mode) == 0o700
    for consumer in secrets.CONSUMERS:
        for file in (top / consumer.service).iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o400
            if os.geteuid() == 0:
                assert file.stat().st_uid == consumer.uid


def test_rendering_again_keeps_the_folders_that_containers_have_mounted(tmp_path: Path) -> None:
    folder = secrets.render(VALUES, tmp_path) / "grafana"
    before = folder.stat().st_ino

    secrets.render({**VALUES, "GRAFANA_ADMIN_PASSWORD": "another"}, tmp_path)

    assert folder.stat().st_ino == before
    assert (folder / "GRAFANA_ADMIN_PASSWORD").read_text() == "another"


def test_drawn_secrets_are_long_and_never_the_same() -> None:
    drawn = {secrets.strong() for _ in range(50)}

    assert len(drawn) == 50
    assert {len(value) for value in drawn} == {32}


def test_a_fingerprint_changes_with_the_secret_and_does_not_tell_it() -> None:
    one = secrets.fingerprint(VALUES, "x", ["SESSION_SECRET"])
    other = secrets.fingerprint({**VALUES, "SESSION_SECRET": "y"}, "x", ["SESSION_SECRET"])

    assert one != other
    assert VALUES["SESSION_SECRET"] not in one


def test_the_first_run_makes_everything_once(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()

    assert secrets.ensure(tmp_path) is True
    made = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert secrets.ensure(tmp_path) is False

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == made
    assert "BEGIN PGP PUBLIC KEY" in backup_key.public(tmp_path).read_text()
    assert "BEGIN PGP PRIVATE KEY" in backup_key.private(tmp_path).read_text()
    assert stat.S_IMODE((tmp_path / ".operator").stat().st_mode) == 0o700


def test_half_a_backup_key_pair_is_refused(root: Path) -> None:
    backup_key.public(root).write_text("half")

    with pytest.raises(UserError, match="its other half"):
        secrets.ensure(root)
