"""The commands as they are typed: exit codes, one sentence for bad input, JSON on request, and nothing left behind."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.ops import PROGRAM_VERSION, backup_folder, manifest
from stack.ops.__main__ import COMMANDS, main
from stack.ops.backup_health import own_plan
from stack.ops.prune_backups import past_age
from stack.ops.validate import findings
from stack.ops.wallet_rpc import authorization
from tests.ops.conftest import DATABASE_KEY, PASSPHRASE, KeyPair, Market

ROOT = Path(__file__).resolve().parents[2]


def made(name: str, days_ago: float, kind: str = "database") -> manifest.Manifest:
    """A manifest of a backup of that age."""
    when = datetime.now(UTC) - timedelta(days=days_ago)
    return manifest.Manifest(name, kind, "full", when.isoformat(), 3, "sha", 3, "sha", {}, "fingerprint")


@pytest.mark.parametrize("argv", [[], ["no-such-command"], ["prune-backups", "--days", "x"], ["list-backups", "--bogus"]])
def test_bad_words_end_with_4(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(argv)
    except SystemExit as ended:
        code = ended.code

    assert code == 4
    assert "Traceback" not in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    told = capsys.readouterr().out
    assert all(name in told for name in COMMANDS)


def test_the_version_is_the_projects() -> None:
    assert f'version = "{PROGRAM_VERSION}"' in (ROOT / "pyproject.toml").read_text()


def test_backup_and_restore_by_command(
    market: Market, key_pair: KeyPair, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market.write(4)
    secret, passphrase = tmp_path / "secret", tmp_path / "passphrase"
    secret.write_text(DATABASE_KEY + "\n")
    passphrase.write_text(PASSPHRASE)
    words = ["--database", str(market.path), "--key-file", str(secret)]

    backed_up = main(
        ["backup-database", *words, "--public-key", str(key_pair.public), "--to", str(folder), "--metrics", str(tmp_path), "--json"]
    )
    first = json.loads(capsys.readouterr().out)
    market.connection.close()
    restored = main(
        ["restore-database", "--from", str(folder), *words, "--private-key", str(key_pair.private)]
        + ["--passphrase-file", str(passphrase), "--json"]
    )

    second = json.loads(capsys.readouterr().out)
    assert (backed_up, restored) == (0, 0)
    assert first["content"]["highest_sequence"] == second["content"]["highest_sequence"] == 4
    assert second["phases"].keys() == {"fetch", "decrypt", "verify", "replace"}
    metrics = (tmp_path / "seatrial_backup_database.prom").read_text()
    assert 'seatrial_backup_verified{backup="database"} 1.0' in metrics


def test_a_failed_backup_is_told_to_prometheus_and_keeps_the_last_success(
    market: Market, key_pair: KeyPair, tmp_path: Path, folder: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(DATABASE_KEY)
    words = ["--key-file", str(secret), "--public-key", str(key_pair.public), "--to", str(folder), "--metrics", str(tmp_path)]

    assert main(["backup-database", "--database", str(market.path), *words]) == 0
    assert main(["backup-database", "--database", str(tmp_path / "none.db"), *words]) == 1

    metrics = (tmp_path / "seatrial_backup_database.prom").read_text()
    assert 'last_run_success{backup="database"} 0.0' in metrics
    assert 'verified{backup="database"} 0.0' in metrics
    assert "last_success_timestamp_seconds" in metrics


@pytest.mark.parametrize("name", ["list-backups", "verify-backups", "prune-backups"])
def test_a_missing_folder_is_bad_input(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--in", str(tmp_path / "none")]) == 4

    assert "there is no such backup folder" in capsys.readouterr().err


def test_an_unreadable_secret_is_bad_input(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup-database", "--key-file", str(tmp_path / "none"), "--to", str(folder)]) == 4

    assert "can't be read" in capsys.readouterr().err


def kept(folder: Path, backup: manifest.Manifest, content: bytes = b"abc") -> manifest.Manifest:
    """Put a backup in a folder."""
    archive = folder / backup.archive
    archive.write_bytes(content)
    whole = dataclasses.replace(backup, archive_bytes=3, archive_sha256=manifest.sha256(archive))
    manifest.write(whole, folder / (backup.archive + ".json"))
    return whole


def test_verify_names_what_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(folder, made("db-1.gpg", 1))
    kept(folder, made("db-2.gpg", 2))
    (folder / "db-2.gpg").write_bytes(b"abX")

    assert main(["verify-backups", "--in", str(folder), "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["good"] == 1
    assert list(told["faults"]) == ["db-2.gpg"]


def test_prune_rehearses_and_then_removes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, age in (("db-1.gpg", 1), ("db-2.gpg", 100)):
        kept(folder, made(name, age))

    assert main(["prune-backups", "--in", str(folder), "--dry-run"]) == 0
    assert len(backup_folder.backups(folder)) == 2
    assert main(["prune-backups", "--in", str(folder)]) == 0

    assert [each.archive for each in backup_folder.backups(folder)] == ["db-1.gpg"]
    assert not (folder / "db-2.gpg").exists()


def test_the_last_good_backup_stays_whatever_its_age() -> None:
    found = [made("new-but-bad", 95), made("old-and-good", 200), made("older", 300), made("other", 400, "wallet-buyer")]

    gone = past_age(
        found, now=datetime.now(UTC), keep=timedelta(days=90), is_good=lambda each: each.archive != "new-but-bad"
    )

    assert [each.archive for each in gone] == ["new-but-bad", "older"]


def test_a_service_knows_its_plan_by_what_it_may_write(tmp_path: Path) -> None:
    (tmp_path / "wallets").mkdir()

    assert own_plan(tmp_path) == "wallets"


def test_a_manifest_can_not_point_out_of_its_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write(made("../../etc/passwd", 1), folder / "db-1.gpg.json")

    assert main(["list-backups", "--in", str(folder)]) == 1

    assert "outside its folder" in capsys.readouterr().err


def test_findings_are_all_of_the_worst_of_each_check() -> None:
    document = {
        "checks": [{"id": "SEC-CMP-001", "title": "t"}],
        "results": [
            {"id": "SEC-CMP-001", "outcome": "PASS"},
            {"id": "SEC-CMP-001", "outcome": "INCONCLUSIVE", "reason": "unsure"},
            {"id": "SEC-CMP-001", "outcome": "FAIL", "reason": "broken\nmore"},
            {"id": "SEC-CMP-001", "outcome": "FAIL", "reason": "elsewhere"},
            {"id": "SEC-CMP-002", "outcome": "PASS"},
            {"id": "SEC-CMP-003", "outcome": "NOT_APPLICABLE"},
        ],
    }

    assessed, found = findings(document)

    assert assessed == 2
    assert {(each.id, each.outcome) for each in found} == {("SEC-CMP-001", "FAIL")}
    assert [each.message for each in found] == ["broken", "more", "elsewhere"]


def test_the_digest_answer_is_unquoted_where_monero_wants_it_so() -> None:
    answer = authorization(['Digest qop="auth",algorithm=MD5,realm="monero-rpc",nonce="abc",stale=false'], "pw")

    assert "algorithm=MD5, qop=auth, nc=00000001" in answer
    assert 'realm="monero-rpc", nonce="abc"' in answer
