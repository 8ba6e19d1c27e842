"""The database at rest: ciphertext in every file, and closed to whoever has no key."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Database
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.rules import entropy
from suites.security.rules.finding import Finding, judge
from suites.security.running import inside

DATABASE_LINE = "[database] service, volume, path, key_secret"
SAMPLE_BYTES = 65_536
MOST_FILES = 200
LEAST_SAMPLE = 512


@pytest.fixture
def database(stack: Stack) -> Database:
    """What the profile says of the database."""
    if stack.profile.database is None:
        not_applicable(stack.profile.missing(DATABASE_LINE))
    return stack.profile.database


def on_this_machine(stack: Stack, database: Database) -> Path:
    """The database's file as the host's root sees it, inside the running container's own mounts."""
    container = stack.container(database.service)
    path = inside(container, database.path)
    if not path.is_file():
        raise CannotTell(f"{database.service} has no file {database.path}")
    return path


def files_to_judge(stack: Stack, database: Database, path: Path) -> Iterator[tuple[str, Path]]:
    """Everything that may hold the database's pages: the folder of the database, and the backups' folder."""
    yield from ((f"{database.volume}/{file.name}", file) for file in sorted(path.parent.iterdir()) if file.is_file())
    backup = stack.profile.backup
    if backup is None or not backup.jobs:
        return
    container = stack.container(backup.jobs[0].service)
    folder = inside(container, backup.path)
    found = sorted(file for file in folder.rglob("*") if file.is_file())[:MOST_FILES]
    yield from ((f"{backup.volume}/{file.relative_to(folder)}", file) for file in found)


@check(
    "SEC-DB-001",
    title="The database, its WAL and every copy are ciphertext",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Whoever carries the disk, a snapshot or a backup away reads what is not encrypted in it.",
    remediation="SQLCipher for the live file (its WAL is then encrypted too), OpenPGP for copies; keep no plain export.",
    standards=("OWASP-ASVS 6.1", "CWE-311"),
)
def test_database_files_are_ciphertext(stack: Stack, database: Database, evidence: Evidence) -> None:
    offences = []
    judged = 0
    for name, file in files_to_judge(stack, database, on_this_machine(stack, database)):
        with file.open("rb") as opened:
            data = opened.read(SAMPLE_BYTES)
        problem = judged_as(file.name, data)
        if problem is None:
            continue
        judged += 1
        evidence.observed(
            f"{name}: {len(data)} B looked at, {entropy.bits_a_byte(data):.2f} bits a byte: {problem or 'ciphertext'}"
        )
        if problem:
            offences.append(Finding(f"{name}: {problem}", what=name))
    if not judged:
        raise CannotTell("no file of the database has content yet")
    judge(offences, check="SEC-DB-001", evidence=evidence, profile=stack.profile)


def judged_as(name: str, data: bytes) -> str | None:
    """What is wrong with a file's content (empty: it is ciphertext); None when there is nothing to judge in it.

    The shared-memory index (-shm) holds page numbers and checksums, never content. A manifest that names the archive it
    stands beside, and an armoured OpenPGP key or signature, are text that is meant to be read; any other text is an export.
    """
    if name.endswith("-shm"):
        return None
    pages = entropy.wal_pages(data) if name.endswith("-wal") else data
    if is_about_a_backup(name, pages):
        return None
    if len(pages) < LEAST_SAMPLE:
        known = next((kind for magic, kind in entropy.KNOWN_PLAIN.items() if pages.startswith(magic)), None)
        return known or ("plain text" if entropy.is_text(pages) else None)
    return entropy.why_not_ciphertext(pages) or ""


def is_about_a_backup(name: str, data: bytes) -> bool:
    """Whether a file is a manifest of the archive beside it, or an OpenPGP public key or signature."""
    if data.startswith((b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----BEGIN PGP SIGNATURE-----")):
        return True
    archive = name.removesuffix(".json")
    if archive == name or not archive.endswith((".gpg", ".age")):
        return False
    try:
        said = json.loads(data)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("archive") == archive


@check(
    "SEC-DB-002",
    title="The database opens with its key and not without",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Encryption that needs no key is decoration; a key that does not open is a lost database.",
    remediation="PRAGMA key before anything else; keep the key in the secrets file.",
    standards=("OWASP-ASVS 6.2", "CWE-311"),
)
def test_database_needs_its_key(stack: Stack, database: Database, evidence: Evidence) -> None:
    if database.kind != "sqlcipher":
        not_applicable(f'[database] kind is {database.kind}: only "sqlcipher" files are opened')
    key = stack.secret(database.key_secret)
    with copied(on_this_machine(stack, database)) as copy:
        with_key, with_other, without = opens(copy, key), opens(copy, key + "x"), opens(copy, None)

    evidence.observed(f"opens with its key: {with_key}, with another: {with_other}, without: {without}")
    offences = [] if with_key else [Finding("the database does not open with its key")]
    offences += [Finding("the database opens with another key")] if with_other else []
    offences += [Finding("the database opens without a key")] if without else []
    judge(offences, check="SEC-DB-002", evidence=evidence, profile=stack.profile)


@check(
    "SEC-DB-003",
    title="Cipher settings are at least SQLCipher 4's, and synchronous is FULL",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Fewer rounds make the key cheaper to guess; without FULL an acknowledged write may be gone after a power cut.",
    remediation="Leave SQLCipher 4's defaults (256,000 rounds of PBKDF2-HMAC-SHA512, 4096-byte pages); PRAGMA synchronous=FULL.",
    standards=("SQLCipher 4 design", "OWASP Password Storage"),
)
def test_cipher_settings_are_strong(stack: Stack, database: Database, evidence: Evidence) -> None:
    if database.kind != "sqlcipher":
        not_applicable(f'[database] kind is {database.kind}: only "sqlcipher" files are opened')
    key = stack.secret(database.key_secret)
    with copied(on_this_machine(stack, database)) as copy:
        # A file made with weaker settings does not open with version 4's: opening with exactly those is the proof.
        strong = opens(copy, key, "PRAGMA cipher_compatibility = 4")
        weak = next(
            (version for version in (3, 2, 1) if opens(copy, key, f"PRAGMA cipher_compatibility = {version}")), None
        )

    evidence.observed(f"opens with SQLCipher 4's settings: {strong}; with older ones: {weak or 'no'}")
    assert weak is None, f"the database has SQLCipher {weak}'s settings, expected 4's"
    if not strong:
        not_applicable("the database does not open with its key at all: SEC-DB-002 says so")
    modes = synchronous_of_the_server(stack, database)
    evidence.observed(f"synchronous as the running server says: {modes}")
    assert modes == "FULL", f"synchronous is {modes}, expected FULL"


def synchronous_of_the_server(stack: Stack, database: Database) -> str:
    """What the service says its connections use: its own readiness answer, since a pragma belongs to a connection.

    Raises:
        CannotTell: it does not say.

    """
    container = stack.container(database.service)
    probe = "import json,urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8000/ready', timeout=3)).get('synchronous', ''))"
    done = container.exec(["python3", "-c", probe])
    said = done.stdout.strip().upper()
    if not done.ok or not said:
        raise CannotTell(f"{database.service} does not tell its synchronous setting, and no other process can see it")
    return {"2": "FULL", "3": "FULL", "EXTRA": "FULL", "1": "NORMAL", "0": "OFF"}.get(said, said)


class copied:
    """A copy of a database file and its WAL in a private folder, gone afterwards: the live file is never opened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="seatrial-database-")
        copy = Path(self._folder.name) / self._path.name
        # The main file first: with the WAL of a moment later it opens; the other way round pages could be missing.
        shutil.copyfile(self._path, copy)
        wal = self._path.with_name(self._path.name + "-wal")
        if wal.exists():
            shutil.copyfile(wal, copy.with_name(copy.name + "-wal"))
        return copy

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def opens(path: Path, key: str | None, *settings: str) -> bool:
    """Whether a database's schema can be read with a key (None: with none) and settings. Works on a copy of its own."""
    from sqlcipher3 import dbapi2

    with copied(path) as own:
        connection = dbapi2.connect(str(own))
        execute: Callable[[str], object] = connection.execute
        try:
            if key is not None:
                execute("PRAGMA key = '" + key.replace("'", "''") + "'")
            for setting in settings:
                execute(setting)
            return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone())
        except dbapi2.DatabaseError:
            return False
        finally:
            connection.close()
