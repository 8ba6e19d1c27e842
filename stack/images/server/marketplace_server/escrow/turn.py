"""One worker's turn: the lease it holds, and the writes that count only as long as it holds it."""

import asyncio
import contextlib
import secrets
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
        self._asked = self._until = self._moved = float("-inf")
        """On the loop's clock: when the lease was asked for, runs out, and the round last got on."""
        self.token: int | None = None
        """The fencing token; another one than before means that somebody else may have acted in between."""

    async def is_mine(self) -> bool:
        """Take the lease, or renew it when that is due, and say whether it is held."""
        if self.token is None or self._loop_time() - self._asked >= lease.RENEWED_EVERY_SECONDS:
            try:
                await self._take()
            except ApiError:
                self._hold(None)  # the database said so in its own log
        return self.token is not None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Renew the lease for as long as the body gets on, and end the body, wherever it is, when the lease is lost.

        Losing it is no error: somebody else goes on. So it is not raised.
        """
        try:
            async with asyncio.timeout_at(self._until) as limit:
                self._moved = self._loop_time()
                renewing = asyncio.create_task(self._renew(limit), name="escrow-lease")
                try:
                    yield
                finally:
                    renewing.cancel()
                    await asyncio.wait([renewing])
                if not renewing.cancelled():
                    renewing.result()  # what it died of is no secret
        except lease.LostLease:
            self._hold(None)
        except TimeoutError:
            if not limit.expired():
                raise
            self._hold(None)
            logs.warning("escrow round ended", reason="the lease is lost")

    async def _renew(self, limit: asyncio.Timeout) -> None:
        token = self.token
        while self._loop_time() - self._moved < lease.PATIENCE_SECONDS:
            await asyncio.sleep(lease.RENEWED_EVERY_SECONDS)
            with contextlib.suppress(ApiError):  # the database said so in its own log; the lease has time left
                await self._take()
            # Also when it was taken back at once: somebody else had it in between.
            limit.reschedule(self._until if self.token == token else self._loop_time())
        logs.warning("escrow lease not renewed", reason="the round does not get on")

    async def _take(self) -> None:
        asked = self._loop_time()
        token = await self._database.write(lambda connection: lease.take(connection, self._holder))
        # From before it was asked: here it runs out no later than for everybody else.
        self._asked, self._until = asked, asked + lease.SECONDS
        self._hold(token)

    def _hold(self, token: int | None) -> None:
        if token != self.token:
            logs.info("escrow lease", held=token is not None, token=token)
        self.token = token
        self.metrics.escrow_leader.set(token is not None)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()

    async def require(self) -> None:
        """Ask whether the lease is held still, right before a call that changes what wallets know: no token can fence that.

        Raises LostLease, Unavailable.
        """
        token = self._current()
        await self._database.read(lambda connection: lease.require(connection, token))

    def _current(self) -> int:
        if self.token is None or self._loop_time() >= self._until:
            raise lease.LostLease
        self._moved = self._loop_time()
        return self.token

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read; raises Unavailable, and what the work raises."""
        return await self._database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Commit work under the lease's token. Raises LostLease, Unavailable, and what the work raises."""
        token = self._current()

        def fenced(connection: Connection) -> T:
            lease.require(connection, token)
            return work(connection)

        return await self._database.write(fenced)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Let what depends on others fail by itself; the next round tries again. Raises LostLease: nothing goes on then."""
        try:
            yield
        except lease.LostLease:
            raise
        except (RpcError, ApiError) as error:
            self.metrics.escrow_failures.labels(name).inc()
            logs.warning("escrow step failed", step=name, reason=str(error))
        except Exception:  # noqa: BLE001  a wallet's answer of another shape comes as any error, and must not stop the other steps
            self.metrics.escrow_failures.labels(name).inc()
            logs.failure("escrow step failed", step=name)

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
