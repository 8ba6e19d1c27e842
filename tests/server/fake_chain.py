"""A chain and three wallets in memory: just strict enough that a double payout would be seen, and killable at any call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from marketplace_server.escrow.records import Attempt, Deposit
from marketplace_server.escrow.rpc import Refused
from marketplace_server.escrow.rules import Plan, Wallet

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
    pool: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mined: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def mine(self) -> None:
        """Put the pool into a block."""
        self.height += 1
        self.mined |= self.pool
        self.pool.clear()

    def pay(self, minor: int, amount: int) -> Deposit:
        """Let a confirmed deposit arrive."""
        self.height += 10
        made = Deposit(minor, f"{len(self.deposits) + 1:064x}", amount, self.height - 10)
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

    def _enter(self, method: str) -> None:
        self.fuse.burn(after=False)
        if method in self.refuses:
            raise Refused(f"no {method} today")

    async def height(self) -> int:
        self._enter("height")
        self.fuse.burn(after=True)
        return self.chain.height

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

    async def exchange(self, signers: tuple[Wallet, Wallet]) -> None:
        self._enter("exchange")
        self.fuse.burn(after=True)

    async def sign(self, plan: Plan, signers: tuple[Wallet, Wallet], deposits: tuple[str, ...]) -> Attempt:
        self._enter("sign")
        self.signed += 1
        self.plans.append((plan, signers))
        txid = f"{self.signed:x}".rjust(64, "f")
        self.fuse.burn(after=True)
        return Attempt(txid, f"signed {txid}", FEE, plan.after(FEE), deposits)

    async def submit(self, attempt: Attempt, signers: tuple[Wallet, Wallet]) -> None:
        self._enter("submit")
        known = self.chain.pool | self.chain.mined
        if attempt.txid not in known:
            if set(attempt.deposits) & {one for spent in known.values() for one in spent}:
                raise Refused("double spend")
            self.chain.pool[attempt.txid] = attempt.deposits
        self.fuse.burn(after=True)

    async def whereabouts(self, txids: Sequence[str]) -> dict[str, str]:
        self._enter("whereabouts")
        self.fuse.burn(after=True)
        return {t: "mined" if t in self.chain.mined else "pool" if t in self.chain.pool else "unknown" for t in txids}
