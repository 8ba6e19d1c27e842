"""A chain and three wallets in memory: just strict enough that a double payout would be seen, and killable at any call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from marketplace_server.escrow.adoption import Outgoing
from marketplace_server.escrow.payouts import Attempt
from marketplace_server.escrow.records import Deposit
from marketplace_server.escrow.rpc import Refused
from marketplace_server.escrow.rules import Plan, Wallet
from marketplace_server.escrow.triple import Found, Tip

FEE = 1_800_000_000


class Killed(BaseException):
    """The process is gone at this very line: nothing after it runs."""


@dataclass
class Fuse:
    """Kills at the `at`-th thing that reaches outside the process, before or after it takes effect."""

    at: int = -1
    after: bool = False
    count: int = 0
    blown: bool = False

    def burn(self, *, after: bool) -> None:
        """Count one thing; raise Killed when it is the one."""
        if after == self.after and self.count == self.at and not self.blown:
            self.blown = True
            raise Killed
        self.count += after


@dataclass
class FakeChain:
    """What the chain knows."""

    height: int = 200
    deposits: list[Deposit] = field(default_factory=list)
    pool: dict[str, Attempt] = field(default_factory=dict)
    mined: dict[str, tuple[Attempt, int]] = field(default_factory=dict)
    minors: dict[str, int] = field(default_factory=dict)
    """Which subaddress each transaction spends from: the one thing that an attempt does not say itself."""
    forks: int = 0
    paid: int = 0

    @property
    def tip(self) -> Tip:
        """The last block; its id changes with every block and with every reorganisation."""
        return Tip(self.height, f"{self.height} of {self.forks}")

    def mine(self) -> None:
        """Put the pool into a block."""
        self.height += 1
        self.mined |= {txid: (attempt, self.height) for txid, attempt in self.pool.items()}
        self.pool.clear()

    def reorganise(self, *, to_pool: bool) -> None:
        """Take all transactions out of their blocks, back to the pool or nowhere; deposits stay where they are."""
        self.forks += 1
        if to_pool:
            self.pool |= {txid: attempt for txid, (attempt, _) in self.mined.items()}
        self.mined.clear()

    def pay(self, minor: int, amount: int, outputs: int = 1) -> Deposit:
        """Let a confirmed deposit arrive, in so many outputs."""
        self.height += 10
        self.paid += 1
        made = Deposit(minor, f"{self.paid:064x}", amount, self.height - 10, outputs)
        self.deposits.append(made)
        return made


@dataclass
class FakeTriple:
    """Stands in for Triple. `refuses` are methods that answer with an error."""

    chain: FakeChain
    fuse: Fuse = field(default_factory=Fuse)
    refuses: set[str] = field(default_factory=set)
    signed: int = 0
    plans: list[tuple[Plan, tuple[Wallet, Wallet]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def _enter(self, method: str) -> None:
        self.fuse.burn(after=False)
        self.calls.append(method)
        if method in self.refuses:
            raise Refused(f"no {method} today")

    async def tip(self) -> Tip:
        self._enter("tip")
        self.fuse.burn(after=True)
        return self.chain.tip

    async def is_on_chain(self, block: Tip) -> bool:
        self._enter("is_on_chain")
        self.fuse.burn(after=True)
        return block.block_id.endswith(f" of {self.chain.forks}")

    async def follow(self, names: Iterable[Wallet]) -> None:
        self._enter("follow")
        self.fuse.burn(after=True)

    async def addresses(self, first: int, order_ids: Sequence[str]) -> list[tuple[str, int, str]]:
        self._enter("addresses")
        self.fuse.burn(after=True)
        return [(order_id, first + n, f"subaddress {first + n}") for n, order_id in enumerate(order_ids)]

    async def deposits(self, above: int) -> list[Deposit]:
        self._enter("deposits")
        self.fuse.burn(after=True)
        return [one for one in self.chain.deposits if one.height > above]

    async def outgoing(self, above: int) -> list[Outgoing]:
        self._enter("outgoing")
        self.fuse.burn(after=True)
        return [
            Outgoing(
                self.chain.minors[one.txid],
                one.txid,
                height,
                one.fee,
                tuple((p.address, p.amount) for p in one.payments),
            )
            for one, height in self.chain.mined.values()
            if height > above
        ]

    async def keep(self, name: Wallet) -> None:
        self._enter("keep")
        self.fuse.burn(after=True)

    async def exchange(self, signers: tuple[Wallet, Wallet]) -> None:
        self._enter("exchange")
        self.fuse.burn(after=True)

    async def sign(self, plan: Plan, signers: tuple[Wallet, Wallet]) -> Attempt:
        self._enter("sign")
        self.signed += 1
        self.plans.append((plan, signers))
        txid = f"{self.signed:x}".rjust(64, "f")
        self.chain.minors[txid] = plan.minor
        self.fuse.burn(after=True)
        return Attempt(txid, f"signed {txid}", FEE, plan.after(FEE), plan.deposits)

    async def submit(self, attempt: Attempt, signers: tuple[Wallet, Wallet]) -> None:
        self._enter("submit")
        known = self.chain.pool | {txid: one for txid, (one, _) in self.chain.mined.items()}
        if attempt.txid not in known:
            spendable = {one.txid for one in self.chain.deposits}
            if not spendable.issuperset(attempt.deposits):
                raise Refused("an input is not on the chain")
            if set(attempt.deposits) & {txid for one in known.values() for txid in one.deposits}:
                raise Refused("double spend")
            self.chain.pool[attempt.txid] = attempt
        self.fuse.burn(after=True)

    async def whereabouts(self, txids: Sequence[str]) -> dict[str, Found]:
        self._enter("whereabouts")
        self.fuse.burn(after=True)
        return {txid: self._found(txid) for txid in txids}

    def _found(self, txid: str) -> Found:
        if txid in self.chain.mined:
            return Found("mined", self.chain.mined[txid][1])
        height = next((one.height for one in self.chain.deposits if one.txid == txid), None)
        if height is not None:
            return Found("mined", height)
        return Found("pool" if txid in self.chain.pool else "unknown")
