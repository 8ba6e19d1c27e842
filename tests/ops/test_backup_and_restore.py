"""Backup and restore of the database, with real gpg and real SQLCipher: what works, and all that must be refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.errors import UserError
from stack.ops import backup_folder, manifest
from stack.ops.backup_database import Source, make
from stack.ops.command import Refused
from stack.ops.encrypted_database import in_use, inspect
from stack.ops.restore_database import restore
from stack.ops.restoring import Keys, Phases
from stack.waiting import pause
from tests.ops.conftest import DATABASE_KEY, KeyPair, Market, make_key

Rows = Callable[[Path], int]


def test_a_backup_holds_what_is_only_in_the_wal(
    market: Market, source: Source, folder: Path, keys: Keys, elsewhere: Path, rows: Rows
) -> None:
    market.write(25)

    made = make(source, folder, trigger="manual")
    restore(folder, "latest", elsewhere, keys, Phases())

    assert made.content["highest_sequence"] == 25
    assert made.content["schema_version"] == 7
    assert rows(elsewhere) == 25


def test_a_copy_of_the_main_file_alone_loses_rows_and_is_not_what_the_backup_does(
    market: Market, tmp_path: Path
) -> None:
    market.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    market.write(25)
    naive = tmp_path / "naive.db"

    shutil.copyfile(market.path, naive)

    assert inspect(naive, DATABASE_KEY).highest_sequence == 0, "the trap this program exists for is gone: look again"


def test_nothing_readable_and_nothing_half_made_is_left(market: Market, source: Source, folder: Path) -> None:
    market.write(1)

    made = make(source, folder, trigger="manual")

    left = {path.name for path in folder.iterdir()}
    assert left == {made.archive, made.archive + ".json", ".lock"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.glob("*.gpg*"))
    assert b"SQLite format" not in (folder / made.archive).read_bytes()


def test_another_key_does_not_open_it(
    market: Market, source: Source, folder: Path, other_pair: KeyPair, keys: Keys, elsewhere: Path
) -> None:
    make(source, folder, trigger="manual")
    theirs = dataclasses.replace(keys, private_key=other_pair.private.read_text())

    with pytest.raises(Refused, match="is not encrypted to the key"):
        restore(folder, "latest", elsewhere, theirs, Phases())

    assert list(elsewhere.parent.iterdir()) == []


def test_a_wrong_passphrase_is_refused(source: Source, folder: Path, keys: Keys, elsewhere: Path) -> None:
    make(source, folder, trigger="manual")

    with pytest.raises(Refused, match="passphrase does not open"):
        restore(folder, "latest", elsewhere, dataclasses.replace(keys, passphrase="guess"), Phases())

    assert list(elsewhere.parent.iterdir()) == []


def damaged_archive(folder: Path, how: str) -> None:
    """Damage the newest archive; `reseal` variants also bring the manifest's checksum along, so that gpg must notice."""
    made = backup_folder.backups(folder)[0]
    archive = folder / made.archive
    data = bytearray(archive.read_bytes())
    if how.startswith("truncated"):
        data = data[: len(data) // 2]
    elif how.startswith("flipped"):
        data[len(data) // 2] ^= 0x01
    elif how.startswith("empty"):
        data = bytearray()
    archive.write_bytes(data)
    if how.endswith("and resealed"):
        made = dataclasses.replace(made, archive_bytes=len(data), archive_sha256=manifest.sha256(archive))
        manifest.write(manifest.sealed(made, DATABASE_KEY), folder / (made.archive + ".json"))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "is truncated"),
        ("flipped", "was changed"),
        ("empty", "is truncated"),
        ("truncated and resealed", "truncated or changed"),
        ("flipped and resealed", "truncated or changed"),
        ("empty and resealed", "truncated or changed"),
    ],
)
def test_a_damaged_archive_is_refused_and_the_live_database_is_untouched(
    how: str, message: str, source: Source, folder: Path, keys: Keys, elsewhere: Path
) -> None:
    make(source, folder, trigger="manual")
    restore(folder, "latest", elsewhere, keys, Phases())
    before = elsewhere.read_bytes()
    damaged_archive(folder, how)

    with pytest.raises(Refused, match=message):
        restore(folder, "latest", elsewhere, keys, Phases())

    assert elsewhere.read_bytes() == before
    assert [path.name for path in elsewhere.parent.iterdir()] == ["market.db"]


def test_a_changed_manifest_is_refused(source: Source, folder: Path, keys: Keys, elsewhere: Path) -> None:
    made = make(source, folder, trigger="manual")
    path = folder / (made.archive + ".json")
    facts = json.loads(path.read_text())
    facts["content"]["highest_sequence"] = 99
    path.write_text(json.dumps(facts))

    with pytest.raises(Refused, match="manifest was changed"):
        restore(folder, "latest", elsewhere, keys, Phases())


def test_a_foreign_database_under_our_public_key_is_refused(
    source: Source, folder: Path, keys: Keys, elsewhere: Path
) -> None:
    make(source, folder, trigger="manual")

    with pytest.raises(Refused, match="of other data"):
        restore(folder, "latest", elsewhere, dataclasses.replace(keys, secret="another"), Phases())


def test_an_open_database_is_refused(market: Market, source: Source, folder: Path, keys: Keys) -> None:
    make(source, folder, trigger="manual")
    pid = os.fork()  # the lock is between processes: the same process would not see its own
    if pid == 0:
        try:
            restore(folder, "latest", market.path, keys, Phases())
        except Refused as refused:
            os._exit(7 if "open in another process" in str(refused) else 1)
        os._exit(0)

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_a_closed_database_is_not_in_use(market: Market) -> None:
    market.connection.close()

    assert not in_use(market.path)


def test_stale_wal_and_shm_do_not_reach_the_restored_database(
    market: Market, source: Source, folder: Path, keys: Keys, elsewhere: Path, rows: Rows
) -> None:
    market.write(3)
    make(source, folder, trigger="manual")
    market.write(500)
    for suffix in ("-wal", "-shm"):
        shutil.copyfile(f"{market.path}{suffix}", f"{elsewhere}{suffix}")

    restore(folder, "latest", elsewhere, keys, Phases())

    assert rows(elsewhere) == 3


def test_restoring_twice_is_harmless(
    market: Market, source: Source, folder: Path, keys: Keys, elsewhere: Path, rows: Rows
) -> None:
    market.write(3)
    make(source, folder, trigger="manual")

    for _ in range(2):
        restore(folder, "latest", elsewhere, keys, Phases())

    assert rows(elsewhere) == 3


def test_a_rehearsal_verifies_and_replaces_nothing(source: Source, folder: Path, keys: Keys, elsewhere: Path) -> None:
    make(source, folder, trigger="manual")
    phases = Phases()

    restore(folder, "latest", elsewhere, keys, phases, dry_run=True)

    assert list(elsewhere.parent.iterdir()) == []
    assert list(phases.seconds) == ["fetch", "decrypt", "verify"]


def test_a_rehearsal_works_beside_a_running_server(market: Market, source: Source, folder: Path, keys: Keys) -> None:
    market.write(3)
    make(source, folder, trigger="manual")

    restore(folder, "latest", market.path, keys, Phases(), dry_run=True)
    market.write(1)

    assert sorted(path.name for path in market.path.parent.iterdir()) == ["market.db", "market.db-shm", "market.db-wal"]


def test_a_key_that_has_expired_is_refused(source: Source, folder: Path, tmp_path: Path) -> None:
    short_lived = make_key(tmp_path / "e", bits=1024, expires="seconds=1")
    pause(1.5)

    with pytest.raises(Refused, match="has expired"):
        make(dataclasses.replace(source, public_key=short_lived.public), folder, trigger="manual")


def test_an_older_backup_can_be_chosen(
    market: Market, source: Source, folder: Path, keys: Keys, elsewhere: Path, rows: Rows
) -> None:
    market.write(2)
    older = make(source, folder, trigger="manual")
    market.write(2)
    make(source, folder, trigger="manual")

    restore(folder, older.archive, elsewhere, keys, Phases())

    assert rows(elsewhere) == 2


def test_a_damaged_live_database_can_be_replaced(
    market: Market, source: Source, folder: Path, keys: Keys, elsewhere: Path, rows: Rows
) -> None:
    market.write(2)
    make(source, folder, trigger="manual")
    elsewhere.write_bytes(os.urandom(8192))

    restore(folder, "latest", elsewhere, keys, Phases())

    assert rows(elsewhere) == 2


def test_no_backup_is_made_of_a_damaged_database(market: Market, source: Source, folder: Path) -> None:
    market.write(2000)
    market.connection.close()
    data = bytearray(market.path.read_bytes())
    data[-2000] ^= 0x01
    market.path.write_bytes(data)

    with pytest.raises(Refused, match="integrity_check found|damaged|could not be copied"):
        make(source, folder, trigger="manual")

    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_no_backup_is_made_of_a_database_without_tables(source: Source, folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()

    with pytest.raises(Refused, match="no table"):
        make(dataclasses.replace(source, database=empty), folder, trigger="manual")


def test_a_key_that_is_too_short_is_refused(source: Source, folder: Path, tmp_path: Path) -> None:
    short = make_key(tmp_path / "s", bits=2048)

    with pytest.raises(Refused, match="expected RSA with 4096"):
        make(dataclasses.replace(source, public_key=short.public), folder, trigger="manual")


def test_a_file_that_is_no_key_is_bad_input(source: Source, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a key")

    with pytest.raises(UserError, match="holds no OpenPGP key"):
        make(dataclasses.replace(source, public_key=path), folder, trigger="manual")


def test_what_a_killed_run_left_is_removed_by_the_next(source: Source, folder: Path) -> None:
    (folder / ".making-db-1.sqlcipher.gpg.copy").write_bytes(b"half")
    (folder / "db-1.sqlcipher.gpg").write_bytes(b"archive without manifest")

    made = make(source, folder, trigger="manual")

    assert [each.archive for each in backup_folder.backups(folder)] == [made.archive]
    assert sorted(path.name for path in folder.glob("*.gpg")) == [made.archive]


def test_two_runs_do_not_work_in_one_folder_at_once(source: Source, folder: Path) -> None:
    with backup_folder.locked(folder), pytest.raises(Refused, match="another backup run"):  # noqa: SIM117
        with backup_folder.locked(folder, wait_seconds=0):
            pass
