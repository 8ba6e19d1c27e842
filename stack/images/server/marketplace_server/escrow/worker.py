"""Moves the escrows along: gives them addresses, looks at the chain, makes payouts; and may be killed between any two lines.

Every step begins from what the database and the chain say, and ends in one committed write under the lease's token. So
whoever takes over, a restarted process or the other colour, repeats at most what is harmless to repeat.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping

from .. import logs
from ..connection import Connection
from ..database import Database
from ..metrics import Metrics
from ..replies import State
from ..transitions import Moved, move
from . import payouts, records, rules
from .lookout import Lookout
from .payouts import Attempt, Open
from .rpc import Refused, RpcError
from .triple import Found, Triple
from .turn import Turn

POLL_SECONDS = 0.5
_AT_ONCE = 20
_REFUSALS = 3
"""So often is a signed transaction refused, and unknown to the chain, before another is made in its place."""
_SETTLES: dict[rules.Kind, tuple[State, frozenset[str]]] = {
    "release": ("released", frozenset({"shipped", "disputed"})),
    "refund": ("refunded", frozenset({"disputed"})),
}


class Worker:
    """One process's candidate for acting on the escrows; the database's lease says whose turn it is."""

    def __init__(
        self, database: Database, triple: Triple, metrics: Metrics, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Take what it works on; nothing happens before `start`."""
        self._turn = Turn(database, metrics)
        self._triple = triple
        self._lookout = Lookout(self._turn, triple)
        self._metrics = metrics
        self._poll = poll_seconds
        self._last = 0
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
        await self._turn.end()

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
        if not await self._turn.is_mine() or not await self._turn.read(records.any_open):
            return
        started = time.perf_counter()
        async with self._turn.held():
            async with self._turn.step("addresses"):
                await self._give_addresses()
            async with self._turn.step("deposits"):
                await self._lookout.look()
            async with self._turn.step("returns"):
                await self._lookout.return_what_came_late()
            async with self._turn.step("payouts"):
                await self._make_payouts()
            self._metrics.escrow_round.observe(time.perf_counter() - started)

    async def _give_addresses(self) -> None:
        order_ids = await self._turn.read(lambda connection: records.without_address(connection, _AT_ONCE))
        if not order_ids:
            return
        highest = await self._turn.read(records.highest_minor)
        await self._turn.require()
        given = await self._triple.addresses(highest + 1, order_ids)

        def assign(connection: Connection) -> None:
            for order_id, minor, address in given:
                records.assign(connection, order_id, minor, address)

        await self._turn.write(assign)

    async def _make_payouts(self) -> None:
        after = self._last
        waiting = await self._turn.read(lambda connection: payouts.open_payouts(connection, after, _AT_ONCE))
        # Round after round through all that are open: those that can't be made now do not keep others from it.
        self._last = waiting[-1].sequence if len(waiting) == _AT_ONCE else 0
        unsigned: dict[tuple[rules.Wallet, rules.Wallet], list[Open]] = {}
        known = await self._triple.whereabouts([one.txid for payout in waiting for one in payout.attempts])
        for payout in waiting:
            async with self._turn.step("follow"):
                if await self._is_to_be_made(payout, known):
                    unsigned.setdefault(payout.decision.signers, []).append(payout)
        for signers, to_make in unsigned.items():
            async with self._turn.step("exchange"):
                await self._triple.follow(signers)
                # An export makes those before it useless: one by who lost the lease would undo its successor's.
                await self._turn.require()
                # One exchange serves all payouts of these two: each spends outputs of its own.
                await self._triple.exchange(signers)
                for payout in to_make:
                    await self._make(payout)
                await self._turn.require()
                await self._triple.keep(signers[1])

    async def _is_to_be_made(self, payout: Open, known: Mapping[str, Found]) -> bool:
        """Take a payout as far as the chain has it, and say whether a transaction has (or has again) to be made for it."""
        if not payout.attempts:
            return True
        if mined := next((one for one in payout.attempts if known[one.txid].where == "mined"), None):
            # One in a block that was not looked at yet waits for the next round: if the chain took that block back before,
            # nobody would notice, for nobody had seen it.
            if (height := known[mined.txid].height) <= self._lookout.height:
                await self._confirm(payout, mined, height)
            return False
        if any(known[one.txid].where == "pool" for one in payout.attempts):
            return False
        latest = payout.attempts[-1]
        await self._turn.require()
        try:
            await self._triple.submit(latest, payout.decision.signers)
        except Refused as refused:
            self._refusals[latest.txid] += 1
            logs.warning("payout refused", order=payout.decision.order_id, txid=latest.txid, reason=str(refused))
        # Another one spends the same outputs, so the chain takes one of the two at most.
        return self._refusals[latest.txid] >= _REFUSALS

    async def _make(self, payout: Open) -> None:
        async with self._turn.step("sign"):
            decision = payout.decision
            try:
                plan = rules.plan(decision)
            except ValueError as error:
                raise RpcError(f"order {decision.order_id} can't be paid out: {error}") from error
            await self._turn.require()
            attempt = await self._triple.sign(plan, decision.signers)
            # Written down before it is submitted: from here on, whoever takes over asks the chain about this one.
            await self._turn.write(
                lambda connection: payouts.keep(connection, decision.order_id, decision.number, attempt)
            )
            logs.info("payout signed", order=decision.order_id, kind=decision.kind, txid=attempt.txid)
            await self._triple.submit(attempt, decision.signers)
            logs.info("payout submitted", order=decision.order_id, kind=decision.kind, txid=attempt.txid)

    async def _confirm(self, payout: Open, attempt: Attempt, height: int) -> None:
        decision = payout.decision

        def confirm(connection: Connection) -> Moved | None:
            payouts.confirm(connection, decision, attempt, height)
            to_state, expected = _SETTLES[decision.kind]
            # A return moves nothing, and neither does a payout that had to be made again after a reorganisation.
            if decision.number or records.balance(connection, decision.order_id)[1] == to_state:
                return None
            return move(connection, decision.order_id, to_state, expected=expected)

        moved = await self._turn.write(confirm)
        self._metrics.payouts.labels(decision.kind).inc()
        logs.info("payout confirmed", order=decision.order_id, kind=decision.kind, txid=attempt.txid)
        self._turn.count(moved)
