"""A buyer, a vendor and their database beside a chain in memory, for tests of the worker that moves their money."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from marketplace_server import accounts, books, listings, orders, settlement
from marketplace_server.connection import Connection
from marketplace_server.database import Database
from marketplace_server.escrow import lease
from marketplace_server.escrow.worker import Worker
from marketplace_server.metrics import Metrics

from stack.money import Books
from tests.server.conftest import settings_at
from tests.server.fake_chain import FakeChain, FakeTriple, Fuse

PRICE = 50 * 10**9
_keys = itertools.count()


class Killable:
    """A database whose every commit is a place to be killed at."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        self._database = database
        self._fuse = fuse
        self.read = database.read

    async def write(self, work: Callable[[Connection], Any]) -> Any:
        self._fuse.burn(after=False)
        done = await self._database.write(work)
        self._fuse.burn(after=True)
        return done


class Market:
    """A database with a buyer, a vendor, and what they do to it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.chain = FakeChain()
        self.metrics = Metrics("blue")
        self._loop = asyncio.new_event_loop()
        self.buyer, self.vendor = (
            self.do(lambda c, n=name: accounts.create(c, n, "hash"))[0] for name in ("buyer", "vendor")
        )
        self.listing = self.do(lambda c: listings.create(c, self.vendor, "Sextant", "", PRICE))["id"]

    def close(self) -> None:
        self._loop.close()

    def run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def do(self, work: Callable[[Connection], Any]) -> Any:
        return self.run(self.database.write(work))

    def worker(self, fuse: Fuse | None = None, **triple: Any) -> Worker:
        lit = fuse or Fuse()
        self.do(lambda c: c.execute("UPDATE leases SET expires_at = 0"))  # whoever held it before is gone
        signed = sum(len(p["attempts"]) for o in self.books().orders for p in o["payouts"]) + 1000 * next(_keys)
        fake = FakeTriple(self.chain, lit, signed=signed, **triple)
        self.triple = fake
        return Worker(Killable(self.database, lit), fake, self.metrics)  # type: ignore[arg-type]

    def order(self) -> str:
        asked = orders.Request(
            buyer_id=self.buyer, listing_id=self.listing, key=str(next(_keys)), note="", refund_address="home"
        )
        return str(self.do(lambda c: orders.place(c, asked, wallets_answer=True)).order["id"])

    def books(self) -> Books:
        said = self.run(self.database.read(books.read))
        return Books(said["ledger"], said["unbalanced"], tuple(said["orders"]))

    def of(self, order_id: str) -> dict[str, Any]:
        return next(order for order in self.books().orders if order["id"] == order_id)

    def funded(self, worker: Worker, *amounts: int) -> str:
        order_id = self.order()
        self.run(worker.round())
        for amount in amounts or (PRICE,):
            self.chain.pay(self.of(order_id)["minor"], amount)
        self.run(worker.round())
        return order_id

    def ship(self, order_id: str) -> None:
        self.do(lambda c: settlement.ship(c, order_id, self.vendor, "payee"))

    def release(self, order_id: str) -> None:
        self.do(lambda c: settlement.release(c, order_id, self.buyer))

    def settle(self, worker: Worker, order_id: str) -> None:
        self.ship(order_id)
        self.release(order_id)
        self.run(worker.round())
        self.chain.mine()
        self.run(worker.round())


@contextmanager
def market_in(folder: Path) -> Iterator[Market]:
    """A market of its own, in which a new worker need not wait for the one before it."""
    database = Database(settings_at(folder), Metrics("blue"))
    database.start()
    made = Market(database)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lease, "SECONDS", 60.0)  # a loaded machine takes it from nobody
            yield made
    finally:
        made.close()
        database.close()
