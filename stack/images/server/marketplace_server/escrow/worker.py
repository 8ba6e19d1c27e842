"""Moves the escrows along: gives them addresses, credits deposits, makes payouts; and may be killed between any two lines.

Every step begins from what the database and the chain say, and ends in one committed write under the lease's token. So
whoever takes over, a restarted process or the other colour, repeats at most what is harmless to repeat.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from .. import logs
from ..connection import Connection
from ..database import Database
from ..errors import ApiError
from ..metrics import Metrics
from ..transitions import Moved, move
from . import lease, records, rules
from .records import Attempt, Deposit, Open
from .rpc import Refused, RpcError
from .triple import Triple

T = TypeVar("T")

POLL_SECONDS = 0.5
_LOOK_BACK_BLOCKS = 100
"""Deposits are looked for again this far below what was looked at: a reorganisation may have moved them."""
_AT_ONCE = 20
_REFUSALS = 3
"""So often is a signed transaction refused, and unknown to the chain, before another is made in its place."""
_SETTLES: dict[rules.Kind, tuple[str, frozenset[str]]] = {
    "release": ("released", frozenset({"shipped", "disputed"})),
    "refund": ("refunded", frozenset({"disputed"})),
}


class Worker:
    """One process's candidate for acting on the escrows; the database's lease says whose turn it is."""

    def __init__(
        self, database: Database, triple: Triple, metrics: Metrics, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Take what it works on; nothing happens before `start`."""
        self._database = database
        self._triple = triple
        self._metrics = metrics
        self._poll = poll_seconds
        self._holder = secrets.token_hex(8)
        self._token: int | None = None
        self._renewed = float("-inf")
        self._scanned = 0
        self._scanned_at = 0
        self._refusals: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="escrow-worker")

    def wake(self) -> None:
        """Say that there is something to do; it would be seen at the next poll too."""
        self._woken.set()

    async def stop(self) -> None:
        """End after the step that is under way, within 5 s, and give the lease up."""
        self._stopping = True
        self._woken.set()
        if self._task:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, 5.0)
        if (token := self._token) is not None:
            with contextlib.suppress(ApiError):  # it runs out by itself
                await self._database.write(lambda connection: lease.give_up(connection, token))

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self.round()
            except Exception:  # noqa: BLE001  a worker that has died of a surprise would leave every escrow where it is
                self._metrics.escrow_failures.labels("round").inc()
                logs.failure("escrow round failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll)
            self._woken.clear()

    async def round(self) -> None:
        """Do everything that can be done now, if it is this worker's turn."""
        if not await self._leads() or not await self._database.read(records.any_open):
            return
        started = time.perf_counter()
        async with self._step("addresses"):
            await self._give_addresses()
        async with self._step("deposits"):
            await self._credit_deposits()
        async with self._step("payouts"):
            await self._make_payouts()
        self._metrics.escrow_round.observe(time.perf_counter() - started)

    async def _leads(self) -> bool:
        """Renew the lease well before it runs out, and say whether it is held."""
        if self._token is not None and time.monotonic() - self._renewed < lease.SECONDS / 3:
            return True
        before, asked = self._token, time.monotonic()
        try:
            self._token = await self._database.write(lambda connection: lease.take(connection, self._holder))
        except ApiError:
            self._token = None  # the database said so in its own log
        self._renewed = asked
        if self._token != before:
            logs.info("escrow lease", held=self._token is not None, token=self._token)
            self._scanned = self._scanned_at = 0
        self._metrics.escrow_leader.set(self._token is not None)
        return self._token is not None

    async def _write(self, work: Callable[[Connection], T]) -> T:
        """Commit work under the lease's token. Raises LostLease, Unavailable, and what the work raises."""
        token = self._token
        if token is None or not await self._leads():
            raise lease.LostLease

        def fenced(connection: Connection) -> T:
            lease.require(connection, token)
            return work(connection)

        return await self._database.write(fenced)

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        """Let what depends on others fail by itself; the next round tries again."""
        try:
            yield
        except lease.LostLease:
            self._token = None
        except (RpcError, ApiError) as error:
            self._metrics.escrow_failures.labels(name).inc()
            logs.warning("escrow step failed", step=name, reason=str(error))

    async def _give_addresses(self) -> None:
        order_ids = await self._database.read(lambda connection: records.without_address(connection, _AT_ONCE))
        if not order_ids:
            return
        highest = await self._database.read(records.highest_minor)
        given = await self._triple.addresses(highest + 1, order_ids)

        def assign(connection: Connection) -> None:
            for order_id, minor, address in given:
                records.assign(connection, order_id, minor, address)

        await self._write(assign)

    async def _credit_deposits(self) -> None:
        height = await self._triple.height()
        if height != self._scanned_at:
            await self._triple.follow(rules.WITNESSES)
            found = await self._triple.deposits(self._scanned - _LOOK_BACK_BLOCKS)
            for deposit in await self._database.read(lambda connection: records.new_among(connection, found)):
                await self._credit(deposit)
            self._scanned, self._scanned_at = max(0, height), height
        for order_id, amounts in await self._database.read(records.left_behind):
            if rules.is_worth_returning(amounts):
                await self._write(lambda connection, order_id=order_id: records.decide_return(connection, order_id))  # type: ignore[misc]

    async def _credit(self, deposit: Deposit) -> None:
        def credit(connection: Connection) -> tuple[str, Moved | None] | None:
            owner = records.owner_of(connection, deposit)
            if owner is None or owner[1]:
                return None
            records.credit(connection, owner[0], deposit)
            price, state, total, _ = records.balance(connection, owner[0])
            if state != "created" or total < price:
                return owner[0], None
            return owner[0], move(connection, owner[0], "funded", expected=frozenset({"created"}))

        if (credited := await self._write(credit)) is None:
            return
        order_id, moved = credited
        self._metrics.deposits.inc()
        logs.info("deposit credited", order=order_id, txid=deposit.txid, piconero=deposit.amount)
        self._count(moved)

    async def _make_payouts(self) -> None:
        waiting = await self._database.read(lambda connection: records.open_payouts(connection, _AT_ONCE))
        unsigned: dict[tuple[rules.Wallet, rules.Wallet], list[Open]] = {}
        known = await self._triple.whereabouts([one.txid for payout in waiting for one in payout.attempts])
        for payout in waiting:
            async with self._step("follow"):
                if await self._is_to_be_made(payout, known):
                    unsigned.setdefault(payout.decision.signers, []).append(payout)
        for signers, payouts in unsigned.items():
            async with self._step("exchange"):
                await self._triple.follow(signers)
                # One exchange serves all payouts of these two: each spends outputs of its own.
                await self._triple.exchange(signers)
                for payout in payouts:
                    await self._make(payout)

    async def _is_to_be_made(self, payout: Open, known: dict[str, str]) -> bool:
        """Take a payout as far as the chain has it, and say whether a transaction has (or has again) to be made for it."""
        if not payout.attempts:
            return True
        if mined := next((one for one in payout.attempts if known[one.txid] == "mined"), None):
            await self._confirm(payout, mined)
            return False
        if any(known[one.txid] == "pool" for one in payout.attempts):
            return False
        latest = payout.attempts[-1]
        try:
            await self._triple.submit(latest, payout.decision.signers)
        except Refused as refused:
            self._refusals[latest.txid] += 1
            logs.warning("payout refused", order=payout.decision.order_id, txid=latest.txid, reason=str(refused))
        # Another one spends the same outputs, so the chain takes one of the two at most.
        return self._refusals[latest.txid] >= _REFUSALS

    async def _make(self, payout: Open) -> None:
        async with self._step("sign"):
            decision = payout.decision
            try:
                plan = rules.plan(decision)
            except ValueError as error:
                raise RpcError(f"order {decision.order_id} can't be paid out: {error}") from error
            attempt = await self._triple.sign(plan, decision.signers, payout.deposits)
            # Written down before it is submitted: from here on, whoever takes over asks the chain about this one.
            await self._write(lambda connection: records.keep(connection, decision, attempt))
            logs.info("payout signed", order=decision.order_id, kind=decision.kind, txid=attempt.txid)
            await self._triple.submit(attempt, decision.signers)
            logs.info("payout submitted", order=decision.order_id, kind=decision.kind, txid=attempt.txid)

    async def _confirm(self, payout: Open, attempt: Attempt) -> None:
        decision = payout.decision

        def confirm(connection: Connection) -> Moved | None:
            records.confirm(connection, decision, attempt)
            if decision.number:
                return None
            to_state, expected = _SETTLES[decision.kind]
            return move(connection, decision.order_id, to_state, expected=expected)

        moved = await self._write(confirm)
        self._metrics.payouts.labels(decision.kind).inc()
        logs.info("payout confirmed", order=decision.order_id, kind=decision.kind, txid=attempt.txid)
        self._count(moved)

    def _count(self, moved: Moved | None) -> None:
        if moved:
            self._metrics.transitions.labels(moved.from_state, moved.to_state).inc()
            self._metrics.sequence.set(moved.sequence)
            logs.info("order moved", order=moved.order_id, state=moved.to_state)
