"""Why: whether something is encrypted is told by its bytes and structure; both sides are tried with real SOPS text and real files."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from stack.completed import complete
from suites.security.repository import Repository, others_may_read
from suites.security.rules import entropy, sops
from suites.security.test_database import judged_as, opens

CIPHER = "ENC[AES256_GCM,data:aGVsbG8=,iv:aXY=,tag:dGFn,type:str]"
SECTION = {"mac": CIPHER, "age": [{"recipient": "age1ours"}], "unencrypted_suffix": "_unencrypted"}


def test_a_whole_encrypted_file_has_no_plain_value() -> None:
    assert sops.plain_values({"A": CIPHER, "nested": {"list": [CIPHER]}, "sops": SECTION}) == []


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({"A": "plain", "sops": SECTION}, ["A"]),
        ({"a": {"b": [CIPHER, 3]}, "sops": SECTION}, ["a.b[1]"]),
        ({"A": "ENC[not really]", "sops": SECTION}, ["A"]),
        ({"A": CIPHER}, ["(the file has no sops section: nothing in it is encrypted)"]),
        (None, ["(the file has no sops section: nothing in it is encrypted)"]),
    ],
)
def test_plain_values_are_found_by_path(tree: object, found: list[str]) -> None:
    assert sops.plain_values(tree) == found


def test_a_missing_mac_and_exempting_rules_are_found() -> None:
    assert len(sops.plain_values({"A": CIPHER, "sops": {"age": []}})) == 1
    assert sops.exempting_rules({"sops": {**SECTION, "encrypted_regex": "^A$"}}) == ["sops.encrypted_regex: ^A$"]
    assert sops.recipients({"sops": {"age": [{"recipient": "a"}], "pgp": [{"fp": "F"}]}}) == {
        "pgp": ["F"],
        "age": ["a"],
    }


@pytest.mark.parametrize("secret", ["hunter2", "password123", "a" * 64, "0123456789abcdef", "ABCDEFGH"])
def test_guessable_secrets_have_too_few_bits(secret: str) -> None:
    assert entropy.bits(secret) < entropy.BITS_EXPECTED


@pytest.mark.parametrize("secret", ["Zk3vQx7LmPz49TqWb8RnYc2HsDf6GjAe", "f3a9c17e5b2d8460917bca3e5d4f8206"])
def test_random_secrets_have_enough(secret: str) -> None:
    assert entropy.bits(secret) >= 120


def test_well_known_words_are_weak_however_decorated() -> None:
    assert all(map(entropy.is_weak, ["admin", "Password1!", "changeme123"]))
    assert not entropy.is_weak("Zk3vQx7LmPz49TqW")


def test_ciphertext_and_plain_text_are_told_apart() -> None:
    assert entropy.why_not_ciphertext(os.urandom(4096)) is None
    assert entropy.why_not_ciphertext(os.urandom(512)) is None
    assert entropy.why_not_ciphertext(b"INSERT INTO orders VALUES (1);" * 200)
    assert entropy.why_not_ciphertext(gzip.compress(os.urandom(4096))) == "a gzip archive"
    assert entropy.why_not_ciphertext(entropy.SQLITE_MAGIC + os.urandom(4096)) == "a plain SQLite database"


def write(path: Path, *settings: str) -> None:
    database = dbapi2.connect(str(path))
    for setting in settings:
        database.execute(setting)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE t (x)")
    database.executemany("INSERT INTO t VALUES (?)", [("in plain text " * 20,)] * 200)
    database.commit()
    # Closed without a checkpoint, so that the WAL stays as a running server leaves it.
    path.with_name("kept-wal").write_bytes(path.with_name(path.name + "-wal").read_bytes())
    database.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("databases")
    for name, settings in {
        "good": ["PRAGMA key = 'right'"],
        "old": ["PRAGMA key = 'right'", "PRAGMA cipher_compatibility = 3"],
        "plain": [],
    }.items():
        (made / name).mkdir()
        write(made / name / "a.db", *settings)
    return made


def test_an_encrypted_database_and_its_wal_are_ciphertext(folder: Path) -> None:
    assert judged_as("a.db", (folder / "good" / "a.db").read_bytes()) == ""
    assert judged_as("a.db-wal", (folder / "good" / "kept-wal").read_bytes()) == ""


def test_a_plain_database_and_its_wal_are_not(folder: Path) -> None:
    assert judged_as("a.db", (folder / "plain" / "a.db").read_bytes())
    assert judged_as("a.db-wal", (folder / "plain" / "kept-wal").read_bytes())
    assert judged_as("manifest.json", (folder / "plain" / "a.db").read_bytes()), "a database under another name"


def test_nothing_to_judge_is_no_verdict() -> None:
    assert judged_as("a.db-shm", b"\0" * 32768) is None
    assert judged_as("db-1.sql.gz.gpg.json", b'{"archive": "db-1.sql.gz.gpg", "sha256": "..."}' + b" " * 1000) is None
    assert judged_as("backup-gpg-key.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n" + b"mQINBF" * 300) is None
    assert judged_as(".lock", b"") is None
    assert judged_as("a.db-wal", b"") is None


@pytest.mark.parametrize(
    "name", ["customers.json", "export.txt", "dump.yaml", "a.lock", "old.prom", "key.asc", "x.gpg.json", "a.csv"]
)
def test_an_export_under_a_harmless_name_is_plain(name: str) -> None:
    rows = "".join(f'{{"customer": {number}, "mail": "c{number}@example.org"}}\n' for number in range(99)).encode()

    assert judged_as(name, rows)
    assert judged_as(name, rows[:300]), "a short one too"


def test_a_database_opens_with_its_key_alone(folder: Path) -> None:
    good = folder / "good" / "a.db"

    assert opens(good, "right")
    assert not opens(good, "wrong")
    assert not opens(good, None)
    assert opens(folder / "plain" / "a.db", None)


def test_older_cipher_settings_are_found_out(folder: Path) -> None:
    assert opens(folder / "old" / "a.db", "right", "PRAGMA cipher_compatibility = 3")
    assert not opens(folder / "old" / "a.db", "right", "PRAGMA cipher_compatibility = 4")
    assert opens(folder / "good" / "a.db", "right", "PRAGMA cipher_compatibility = 4")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    def git(*arguments: str) -> None:
        done = complete(
            ("git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t", *arguments), timeout_seconds=10
        )
        assert done.ok, done.stderr

    git("init", "-q")
    (tmp_path / ".gitignore").write_text("ignored.key\n")
    (tmp_path / "leaked.key").write_text("AGE-SECRET-KEY-1" + "Q" * 58 + "\n")
    git("add", "-A")
    git("commit", "-qm", "a mistake")
    (tmp_path / "leaked.key").unlink()
    git("commit", "-qam", "taken away again")
    found = Repository.around(tmp_path)
    assert found is not None
    return found


def test_what_was_deleted_is_still_found_in_history(repository: Repository) -> None:
    leaked = repository.top / "leaked.key"

    assert not repository.tracks(leaked)
    assert repository.ever_held(leaked)
    assert len(repository.commits_with_keys()) == 2


def test_ignored_and_never_committed_is_fine(repository: Repository) -> None:
    kept = repository.top / "ignored.key"

    assert repository.ignores(kept)
    assert not repository.ever_held(kept)


def test_modes_are_judged(tmp_path: Path) -> None:
    private = tmp_path / "key"
    private.write_text("x")
    private.chmod(0o400)
    shared = tmp_path / "shared"
    shared.write_text("x")
    shared.chmod(0o440)

    assert others_may_read(private) is None
    assert others_may_read(shared)
    assert others_may_read(tmp_path / "absent") is None
