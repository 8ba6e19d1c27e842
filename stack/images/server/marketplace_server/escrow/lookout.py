"""Compares the chain with the books whenever there is a new block: what arrived, what left, and what was taken back."""

from functools import partial

from .. import logs
from ..connection import Connection
from ..transitions import Moved, move
from . import adoption, payouts, records, rules
from .adoption import Adopted, Outgoing, Unexplained
from .payouts import Confirmed
from .records import Deposit
from .triple import Tip, Triple
from .turn import Turn

LOOK_BACK_BLOCKS = 100
"""What was compared is compared again this far below: a reorganisation may have changed it. Wallets follow no deeper one."""


class Lookout:
    """Sees each block once, and the latest ones again after a reorganisation or a change of worker."""

    def __init__(self, turn: Turn, triple: Triple) -> None:
        """Take the turn under which it writes, and the wallets and chain it asks."""
        self._turn = turn
        self._triple = triple
        self._seen: Tip | None = None
        self._compared: Tip | None = None
        self._is_in_doubt = False
        self._aside: set[tuple[int, str]] = set()
        self._token: int | None = None

    @property
    def height(self) -> int:
        """Up to which block it would be noticed if the chain took one back; 0 before the first look."""
        return self._seen.height if self._seen else 0

    async def look(self) -> None:
        """Bring the books to what the chain says now. Raises RpcError, ApiError; again is harmless."""
        if self._token != self._turn.token:
            self._seen, self._compared, self._token = None, None, self._turn.token
        tip = await self._triple.tip()
        is_new = tip != self._seen and (self._seen is None or not await self._triple.is_on_chain(self._seen))
        if is_new or self._is_in_doubt:
            self._is_in_doubt = await self._revisit(tip)
        self._seen = tip
        if tip == self._compared:
            return
        above = await self._turn.read(records.looked_at) - LOOK_BACK_BLOCKS
        await self._triple.follow(rules.WITNESSES)
        found = await self._triple.deposits(above)
        arrived = await self._turn.read(lambda connection: records.new_among(connection, found))
        known = await self._triple.whereabouts([deposit.txid for deposit in arrived])
        for deposit in arrived:
            # A wallet goes on telling of blocks that the chain took back until there are more blocks than before (measured).
            if known[deposit.txid].where == "mined":
                await self._credit(deposit)
        await self._triple.follow(rules.PAID)
        outgoing = await self._triple.outgoing(above)
        unknown = await self._turn.read(lambda connection: adoption.unknown_among(connection, outgoing))
        known = await self._triple.whereabouts([one.txid for one in unknown])
        for one in unknown:
            if known[one.txid].where == "mined":
                await self._adopt(one)
        await self._turn.write(lambda connection: records.looked_up_to(connection, tip.height))
        self._compared = tip

    async def return_what_came_late(self) -> None:
        """Decide to send back what arrived for orders that were settled before."""
        for order_id in await self._turn.read(payouts.left_behind):
            await self._turn.write(partial(payouts.decide_return, order_id=order_id))

    async def _revisit(self, tip: Tip) -> bool:
        """Take back what the chain took back: confirmed payouts are open again, and deposits that are gone are not held.

        Answers whether a deposit is in doubt: it waits in the pool again, and may be mined there or vanish from it. What
        is in another block now, or will be, is watched from there on; from its old one it would be out of sight too soon.
        """
        # From where it last looked: many blocks may have come since, while nobody did.
        above = min(await self._turn.read(records.looked_at), tip.height) - LOOK_BACK_BLOCKS
        confirmed = await self._turn.read(lambda connection: payouts.confirmed_since(connection, above))
        found = await self._triple.whereabouts([one.txid for one in confirmed])
        for payout in confirmed:
            if (now := found[payout.txid]).where != "mined":
                await self._reopen(payout)
            elif now.height != payout.height:
                await self._turn.write(partial(payouts.mined_again, payout=payout, height=now.height))
        held = await self._turn.read(lambda connection: records.held_since(connection, above))
        found = await self._triple.whereabouts([deposit.txid for _, deposit in held])
        for order_id, deposit in held:
            now = found[deposit.txid]
            # No block up to the tip has one that is in the pool.
            height = now.height if now.where == "mined" else tip.height
            if now.where == "unknown":
                await self._withdraw(order_id, deposit)
            elif height != deposit.height:
                await self._turn.write(
                    partial(records.mined_again, order_id=order_id, txid=deposit.txid, height=height)
                )
        return any(found[deposit.txid].where == "pool" for _, deposit in held)

    async def _reopen(self, payout: Confirmed) -> None:
        await self._turn.write(lambda connection: payouts.reopen(connection, payout))
        self._turn.metrics.reorganised.labels("payout").inc()
        logs.warning("payout reorganised away", order=payout.order_id, kind=payout.kind, txid=payout.txid)

    async def _withdraw(self, order_id: str, deposit: Deposit) -> None:
        await self._turn.write(lambda connection: records.withdraw(connection, order_id, deposit))
        self._turn.metrics.reorganised.labels("deposit").inc()
        logs.warning("deposit reorganised away", order=order_id, txid=deposit.txid, piconero=deposit.amount)

    async def _credit(self, deposit: Deposit) -> None:
        def credit(connection: Connection) -> tuple[str, Moved | None] | str | None:
            owner = records.owner_of(connection, deposit)
            if owner is None or owner[1]:
                return None
            if not records.can_hold(connection, owner[0], deposit.amount):
                return owner[0]
            records.credit(connection, owner[0], deposit)
            price, state, total, _ = records.balance(connection, owner[0])
            if state != "created" or total < price:
                return owner[0], None
            return owner[0], move(connection, owner[0], "funded", expected=frozenset({"created"}))

        if (credited := await self._turn.write(credit)) is None:
            return
        if isinstance(credited, str):
            self._set_aside(credited, deposit)
            return
        order_id, moved = credited
        self._turn.metrics.deposits.inc()
        logs.info("deposit credited", order=order_id, txid=deposit.txid, piconero=deposit.amount)
        self._turn.count(moved)

    def _set_aside(self, order_id: str, deposit: Deposit) -> None:
        """Tell once of a deposit that stays where it is, until somebody decides what becomes of it."""
        if (deposit.minor, deposit.txid) not in self._aside:
            self._aside.add((deposit.minor, deposit.txid))
            self._turn.metrics.set_aside.inc()
            logs.warning("deposit set aside", order=order_id, txid=deposit.txid, piconero=deposit.amount)

    async def _adopt(self, found: Outgoing) -> None:
        def take(connection: Connection) -> Adopted | Unexplained | None:
            if not adoption.unknown_among(connection, [found]):
                return None  # two wallets told of it
            try:
                return adoption.adopt(connection, found)
            except Unexplained as unexplained:
                return unexplained  # said, and no reason to leave the others: nothing was written for it

        adopted = await self._turn.write(take)
        if isinstance(adopted, Unexplained):
            self._turn.metrics.escrow_failures.labels("adopt").inc()
            logs.warning("payout unexplained", txid=found.txid, reason=str(adopted))
        elif adopted:
            logs.warning("payout adopted", order=adopted.order_id, kind=adopted.kind, txid=found.txid)
            for moved in adopted.moves:
                self._turn.count(moved)
