"""One worker's turn: the lease it holds, and the writes that count only as long as it holds it."""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from .. import logs
from ..connection import Connection
from ..database import Database
from ..errors import ApiError
from ..metrics import Metrics
from ..transitions import Moved
from . import lease
from .rpc import RpcError

T = TypeVar("T")


class Turn:
    """The database as a worker may use it: anybody reads; who holds the lease writes."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        """Take what it works on; nothing is held before `is_mine`."""
        self._database = database
        self.metrics = metrics
        self._holder = secrets.token_hex(8)
        self._renewed = float("-inf")
        self.token: int | None = None
        """The fencing token; another one than before means that somebody else may have acted in between."""

    async def is_mine(self) -> bool:
        """Renew the lease well before it runs out, and say whether it is held."""
        if self.token is not None and time.monotonic() - self._renewed < lease.SECONDS / 3:
            return True
        before, asked = self.token, time.monotonic()
        try:
            self.token = await self._database.write(lambda connection: lease.take(connection, self._holder))
        except ApiError:
            self.token = None  # the database said so in its own log
        self._renewed = asked
        if self.token != before:
            logs.info("escrow lease", held=self.token is not None, token=self.token)
        self.metrics.escrow_leader.set(self.token is not None)
        return self.token is not None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read; raises Unavailable, and what the work raises."""
        return await self._database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Commit work under the lease's token. Raises LostLease, Unavailable, and what the work raises."""
        token = self.token
        if token is None or not await self.is_mine():
            raise lease.LostLease

        def fenced(connection: Connection) -> T:
            lease.require(connection, token)
            return work(connection)

        return await self._database.write(fenced)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Let what depends on others fail by itself; the next round tries again."""
        try:
            yield
        except lease.LostLease:
            self.token = None
        except (RpcError, ApiError) as error:
            self.metrics.escrow_failures.labels(name).inc()
            logs.warning("escrow step failed", step=name, reason=str(error))

    def count(self, moved: Moved | None) -> None:
        """Tell of a state change that was committed."""
        if moved:
            self.metrics.transitions.labels(moved.from_state, moved.to_state).inc()
            self.metrics.sequence.set(moved.sequence)
            logs.info("order moved", order=moved.order_id, state=moved.to_state)

    async def end(self) -> None:
        """Give the lease up, so that the other colour need not wait for it to run out."""
        if (token := self.token) is not None:
            with contextlib.suppress(ApiError):  # it runs out by itself
                await self._database.write(lambda connection: lease.give_up(connection, token))
