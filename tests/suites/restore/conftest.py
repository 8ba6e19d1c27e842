"""A marketplace database with real keys, and a bench that restores in this process instead of in a container."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.journey import Ack
from stack.ops import restore_database, restoring
from stack.ops.backup_database import Source, make
from stack.ops.manifest import read
from stack.ops.one_shot import Handover
from suites.restore.bench import DATABASE, Bench
from suites.restore.writing import Made
from tests.ops.conftest import DATABASE_KEY, PASSPHRASE, KeyPair, Market, key_pair, market, open_market, other_pair

__all__ = ["key_pair", "market", "other_pair"]

TABLES = """
    CREATE TABLE writes (sequence INTEGER PRIMARY KEY, kind TEXT, subject TEXT);
    CREATE TABLE accounts (id TEXT PRIMARY KEY, sequence INTEGER REFERENCES writes);
    CREATE TABLE listings (id TEXT PRIMARY KEY, vendor_id TEXT, price_piconero INTEGER, sequence INTEGER REFERENCES writes);
    CREATE TABLE purchases (sequence INTEGER);
    DROP TABLE orders;
    CREATE TABLE orders (
        id TEXT, listing_id TEXT, vendor_id TEXT, price_piconero INTEGER, sequence INTEGER REFERENCES writes
    );
    CREATE TABLE ledger_entries (transaction_id TEXT, amount_piconero INTEGER);
    INSERT INTO writes VALUES (1, 'account', 'a'), (2, 'listing', 'l');
    INSERT INTO accounts VALUES ('a', 1);
    INSERT INTO listings VALUES ('l', 'a', 5, 2);
    INSERT INTO ledger_entries VALUES ('t', 5), ('t', -5);
"""


class HostBench(Bench):
    """A bench without a container: the same restore, as the user of the tests."""

    def restore(self, *, keys: Handover | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Restore in this process."""
        given = keys or self.keys
        phases = restoring.Phases()
        opened = restoring.Keys(given.private_key, given.passphrase, given.secret)
        made = restore_database.restore(
            self.backups, self.archive, self.data / DATABASE, opened, phases, dry_run=dry_run
        )
        return {**vars(made), "phases": phases.seconds}


@dataclass
class Shop:
    """A live marketplace whose writes are acknowledged one by one."""

    market: Market

    def order(self, sequence: int) -> Ack:
        """Commit one order and acknowledge it."""
        with self.market.connection as connection:
            connection.execute("INSERT INTO writes VALUES (?, 'order', ?)", (sequence, f"o{sequence}"))
            connection.execute("INSERT INTO orders VALUES (?, 'l', 'a', 5, ?)", (f"o{sequence}", sequence))
        return Ack(sequence=sequence, kind="order", at=0.0, key=f"o{sequence}")


def shop_in(market: Market) -> Shop:
    """A marketplace with one listing, and nothing in its main file but the schema: all orders are in the log."""
    market.connection.executescript(TABLES)
    market.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Shop(market)


@pytest.fixture
def shop(market: Market) -> Shop:
    """A marketplace of this test's own."""
    return shop_in(market)


@pytest.fixture
def source(market: Market, key_pair: KeyPair) -> Source:
    """What is backed up."""
    return Source(market.path, DATABASE_KEY, key_pair.public)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> HostBench:
    """A good backup of a shop with three orders; made once, since RSA-4096 takes its time."""
    folder = tmp_path_factory.mktemp("good")
    with open_market(folder / "data") as market:
        shop = shop_in(market)
        for sequence in (3, 4, 5):
            shop.order(sequence)
        return bench_with(folder, key_pair, Source(market.path, DATABASE_KEY, key_pair.public))


@pytest.fixture
def bench(tmp_path: Path, good: HostBench) -> Bench:
    """A bench of this test's own with that backup."""
    shutil.copytree(good.folder, tmp_path / "bench")
    return HostBench(good.stack, tmp_path / "bench", good.archive, good.keys)


def bench_with(tmp_path: Path, key_pair: KeyPair, source: Source) -> HostBench:
    """A bench with a backup made now."""
    folder = tmp_path / "bench"
    (folder / "backups" / "database").mkdir(parents=True)
    (folder / "data").mkdir()
    made = make(source, folder / "backups" / "database", trigger="manual")
    keys = Handover(key_pair.private.read_text(), PASSPHRASE, DATABASE_KEY)
    return HostBench(None, folder, made.archive, keys)  # type: ignore[arg-type]


def made_of(bench: Bench, acks: list[Ack]) -> Made:
    """What the suite would hold of that backup: all of `acks` were acknowledged before it was begun."""
    facts = asdict(read(bench.backups / f"{bench.archive}.json"))
    return Made(facts, acks, seconds=0.1, ended_at=4e9)
