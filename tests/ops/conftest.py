"""Real keys and a real encrypted database for the operator's commands; keys are made once, since RSA-4096 takes seconds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gnupg
import pytest
from sqlcipher3 import dbapi2

from stack.ops.backup_database import Source
from stack.ops.restoring import Keys

PASSPHRASE = "correct horse battery staple"
DATABASE_KEY = "it's the database's key"


@dataclass(frozen=True)
class KeyPair:
    """Two armored files and the fingerprint."""

    public: Path
    private: Path
    fingerprint: str


def make_key(home: Path, *, bits: int = 4096, expires: str = "0") -> KeyPair:
    """Make an RSA pair in a keyring of its own and write both halves beside it."""
    home.mkdir(mode=0o700)
    gpg = gnupg.GPG(gnupghome=str(home), options=["--pinentry-mode", "loopback"])
    made = gpg.gen_key(
        gpg.gen_key_input(
            key_type="RSA",
            key_length=bits,
            subkey_type="RSA",
            subkey_length=bits,
            name_real="Backup",
            name_email=f"{home.name}@seatrial.test",
            passphrase=PASSPHRASE,
            expire_date=expires,
        )
    )
    assert made.fingerprint, made.stderr
    public, private = home / "public.asc", home / "private.asc"
    public.write_text(gpg.export_keys(made.fingerprint))
    private.write_text(gpg.export_keys(made.fingerprint, secret=True, passphrase=PASSPHRASE))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)  # an agent outlives its caller
    return KeyPair(public, private, made.fingerprint)


def kept_key(config: pytest.Config, name: str) -> KeyPair:
    """Give a pair that is kept in pytest's cache between runs: RSA-4096 takes some ten seconds to make."""
    home = Path(config.cache.mkdir("openpgp")) / name
    done = home / "fingerprint"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        done.write_text(make_key(home).fingerprint)
    return KeyPair(home / "public.asc", home / "private.asc", done.read_text())


@pytest.fixture(scope="session")
def key_pair(pytestconfig: pytest.Config) -> KeyPair:
    """The backup key."""
    return kept_key(pytestconfig, "ours")


@pytest.fixture(scope="session")
def other_pair(pytestconfig: pytest.Config) -> KeyPair:
    """A key of the same kind that is not the backup key, with the same passphrase."""
    return kept_key(pytestconfig, "theirs")


@dataclass
class Market:
    """A live WAL database that stays open, as under a running server."""

    path: Path
    connection: dbapi2.Connection

    def write(self, rows: int) -> None:
        """Commit `rows` acknowledged writes, each by itself."""
        for _ in range(rows):
            with self.connection:
                self.connection.execute("INSERT INTO orders(item) VALUES (1)")


@contextmanager
def open_market(folder: Path) -> Iterator[Market]:
    """A small marketplace database with two tables, open and with a WAL that was never checkpointed."""
    folder.mkdir()
    connection = dbapi2.connect(str(folder / "market.db"), isolation_level="")
    connection.execute(f"PRAGMA key = '{DATABASE_KEY.replace(chr(39), chr(39) * 2)}'")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA user_version = 7")
    connection.execute("CREATE TABLE items(id INTEGER PRIMARY KEY)")
    connection.execute(
        "CREATE TABLE orders(sequence INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER REFERENCES items(id))"
    )
    connection.execute("INSERT INTO items VALUES (1)")
    connection.commit()
    try:
        yield Market(folder / "market.db", connection)
    finally:
        connection.close()


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """A marketplace database under a running server."""
    with open_market(tmp_path / "data") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for backups."""
    path = tmp_path / "backups"
    path.mkdir()
    return path


@pytest.fixture
def source(market: Market, key_pair: KeyPair) -> Source:
    """What to back up."""
    return Source(market.path, DATABASE_KEY, key_pair.public)


@pytest.fixture
def keys(key_pair: KeyPair) -> Keys:
    """What opens the backups of `source`."""
    return Keys(key_pair.private.read_text(), PASSPHRASE, DATABASE_KEY)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The path of a database in an empty folder, as in a second stack."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path / "market.db"


@pytest.fixture
def rows() -> Callable[[Path], int]:
    """Count the orders in a database file."""

    def count(path: Path) -> int:
        connection = dbapi2.connect(str(path))
        connection.execute(f"PRAGMA key = '{DATABASE_KEY.replace(chr(39), chr(39) * 2)}'")
        found = int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])
        connection.close()
        return found

    return count
