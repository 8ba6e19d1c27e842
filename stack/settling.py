"""Settles escrows as their parties would: orders, pays on the chain, ships, and ends each in its way, all interleaved.

Each party looks at the order's state before it acts and tries again when no answer came, so the journey goes on through
whatever happens to the stack meanwhile, and what it ends with can be judged.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeVar

from stack.clients.escrow import Escrow, EscrowMarket
from stack.clients.market import Account, HasSession, Listing, Refused
from stack.errors import CannotTell, SeatrialError
from stack.purse import SPENDABLE_BLOCKS, Purse
from stack.waiting import eventually

T = TypeVar("T")
Ending = Literal["release", "arbiter releases", "arbiter refunds", "vendor refunds", "never shipped"]

PRICE_PICONERO = 5 * 10**10
_ANOTHER_BLOCK_SECONDS = 2.0
_FINAL = {"released", "refunded"}
_LATER = {429, 502, 503, 504}
"""Too fast, or not now: whoever comes again is served. Any other no is one that a right client never gets."""
_DONE = 409
"""It was done already, and the answer was lost."""


@dataclass
class Voyage:
    """One order on its way to its end. Times in its timeline are seconds since it was ordered."""

    ending: Ending
    deposits: tuple[int, ...]
    late_deposits: tuple[int, ...]
    """What its buyer pays once more when the order is settled already; it goes back by a payout of its own."""
    refund_address: str
    payout_address: str
    order_id: str = ""
    state: str = ""
    began: float = 0.0
    deposited: list[str] = field(default_factory=list)
    has_address: bool = False
    is_decided: bool = False
    received: int = 0
    held: int = 0
    trouble: str = ""
    """Why it did not get on, when it last did not."""
    failure: str = ""
    """What the marketplace answered that a right client never gets; it was taken no further then."""
    payouts: tuple[str, ...] = ()
    timeline: list[tuple[float, str]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether all that its buyer paid has arrived, and has gone where it goes."""
        everything = sum(self.deposits) + sum(self.late_deposits)
        return self.state in _FINAL and bool(self.payouts) and self.received == everything and not self.held

    @property
    def is_expected(self) -> bool:
        """Whether something that its buyer paid has not been credited yet."""
        made = (*self.deposits, *self.late_deposits)[: len(self.deposited)]
        return self.received < sum(made)

    def __str__(self) -> str:
        """How far it got, for whoever waits for it in vain."""
        everything = sum(self.deposits) + sum(self.late_deposits)
        return (
            f"order {self.order_id} ({self.ending}) is {self.state}: {self.received} of {everything} piconero arrived"
            f" in {len(self.deposited)} deposits, {self.held} held, payouts {list(self.payouts)}"
            f"{'; last trouble: ' if self.trouble else ''}{self.trouble}"
            f"{'; given up: ' if self.failure else ''}{self.failure}"
        )

    @property
    def seconds(self) -> float:
        """From the order to its end, as far as it got."""
        return self.timeline[-1][0] if self.timeline else 0.0

    def note(self, event: str) -> None:
        """Write a moment down."""
        self.timeline.append((time.monotonic() - self.began, event))


class Settling:
    """Three accounts, a purse, and the orders between them."""

    def __init__(self, target: HasSession | str, purse: Purse, appoint: Callable[[str], None]) -> None:
        """Take an edge or base URL, the money, and the operator's means to make an account the arbiter.

        Raises:
            AssertionError: the marketplace took no accounts or no listing.
            CannotTell: nobody answers.

        """
        self._market = EscrowMarket(target)
        self._purse = purse
        self._mined_at = 0.0
        self._accounts = {who: _insist(self._register) for who in ("buyer", "vendor", "arbiter")}
        appoint(self._accounts["arbiter"].id)
        self._tokens: dict[str, str] = {who: _insist(lambda who=who: self._login(who)) for who in self._accounts}  # type: ignore[misc]
        self._listing = _insist(
            lambda: self._market.list_for_sale(
                self._tokens["vendor"], title="Chronometer", description="", price_piconero=PRICE_PICONERO
            )
        )

    @property
    def tokens(self) -> dict[str, str]:
        """The sessions of `buyer`, `vendor` and `arbiter`, for whoever acts in their place."""
        return dict(self._tokens)

    @property
    def accounts(self) -> dict[str, Account]:
        """Who `buyer`, `vendor` and `arbiter` are."""
        return dict(self._accounts)

    @property
    def listing(self) -> Listing:
        """What is bought."""
        return self._listing

    def begin(
        self, ending: Ending, *, deposits: Sequence[int] = (PRICE_PICONERO,), late_deposits: Sequence[int] = ()
    ) -> Voyage:
        """Order something; it will be paid in as many transactions as `deposits` has amounts (piconero).

        `late_deposits` are paid after the order was settled. One that is not taken begins with its failure, which `settle`
        tells. Raises CannotTell when nobody answers.
        """
        voyage = Voyage(ending, tuple(deposits), tuple(late_deposits), self._purse.address(), self._purse.address())
        voyage.began = time.monotonic()
        key = secrets.token_hex(16)
        try:
            order = _insist(
                lambda: self._market.order_with_escrow(
                    self._tokens["buyer"], self._listing.id, key=key, refund_address=voyage.refund_address
                )
            )
        except AssertionError as refused:
            voyage.failure = str(refused)
            return voyage
        voyage.order_id, voyage.state = order.id, order.state
        voyage.note("ordered")
        return voyage

    def settle(
        self,
        voyages: Sequence[Voyage],
        *,
        within: timedelta,
        meanwhile: Callable[[], None] = lambda: None,
        until: Callable[[Voyage], bool] = lambda voyage: voyage.is_over,
    ) -> None:
        """Take all orders to their ends, or as far as `until`, mining as it goes; `meanwhile` is called in every turn.

        Raises:
            AssertionError: not all were there in time, or one was answered what a right client never gets; says how far
                each of those got. The others were taken to their ends all the same.

        """

        def is_left(voyage: Voyage) -> bool:
            return not voyage.failure and not until(voyage)

        def turn() -> bool:
            for voyage in voyages:
                if is_left(voyage):
                    self._try(voyage, until)
            meanwhile()
            if not any(map(is_left, voyages)):
                return True
            with suppress(CannotTell):
                self._mine(voyages)
            return False

        try:
            eventually(turn, within=within, every=timedelta(milliseconds=150), what=f"{len(voyages)} orders settled")
        except AssertionError as error:
            message = "; ".join([str(error), *(str(voyage) for voyage in voyages if not until(voyage))])
            raise AssertionError(message) from error
        if failed := [str(voyage) for voyage in voyages if voyage.failure]:
            raise AssertionError("; ".join(failed))

    def look(self, voyage: Voyage) -> Voyage:
        """Read what the marketplace says of an order now, and do nothing about it. Raises CannotTell, Refused."""
        self._read(voyage)
        return voyage

    def ship(self, voyage: Voyage) -> None:
        """Ship as its vendor, whatever state it is in. Raises CannotTell, Refused."""
        self._market.ship(self._tokens["vendor"], voyage.order_id, payout_address=voyage.payout_address)

    def _try(self, voyage: Voyage, until: Callable[[Voyage], bool]) -> None:
        try:
            self._advance(voyage, until)
        except CannotTell as unanswered:
            voyage.trouble = str(unanswered)  # whoever acts looks again
        except SeatrialError as answer:
            voyage.failure = str(answer)

    def _advance(self, voyage: Voyage, until: Callable[[Voyage], bool]) -> None:
        try:
            seen = self._read(voyage)
        except Refused as refused:
            if refused.status not in _LATER:
                raise
            return
        if not until(voyage) and (act := self._next(voyage, seen)):
            try:
                act()
            except Refused as refused:
                if refused.status not in {_DONE, *_LATER}:
                    raise

    def _read(self, voyage: Voyage) -> Escrow:
        seen = self._market.escrow(self._tokens["buyer"], voyage.order_id)
        if seen.state != voyage.state:
            voyage.state = seen.state
            voyage.note(seen.state)
        voyage.has_address, voyage.is_decided = seen.deposit_address is not None, bool(seen.payouts)
        voyage.received, voyage.held = seen.received, seen.held
        for payout in seen.payouts:
            if payout.txid and payout.txid not in voyage.payouts:
                voyage.note(f"paid out by {payout.txid}")
        voyage.payouts = tuple(payout.txid for payout in seen.payouts if payout.txid)
        return seen

    def _next(self, voyage: Voyage, seen: Escrow) -> Callable[[], object] | None:
        """What the party whose turn it is does now; None while something has to happen first."""
        tokens, market, order_id = self._tokens, self._market, voyage.order_id
        due = (*voyage.deposits, *(voyage.late_deposits if seen.state in _FINAL else ()))[len(voyage.deposited) :]
        if seen.deposit_address and due:
            address = seen.deposit_address
            return lambda: self._pay(voyage, address, due)
        if voyage.is_expected:
            return None  # what is under way is waited for: else it would come late by chance
        if seen.state == "funded" and voyage.ending == "never shipped":
            return lambda: market.dispute(tokens["buyer"], order_id)
        if seen.state == "funded":
            return lambda: market.ship(tokens["vendor"], order_id, payout_address=voyage.payout_address)
        if seen.payouts:
            return None
        if seen.state == "shipped" and voyage.ending != "release":
            return lambda: market.dispute(tokens["buyer"], order_id)
        if seen.state == "shipped":
            return lambda: market.release(tokens["buyer"], order_id)
        if seen.state == "disputed" and voyage.ending == "vendor refunds":
            return lambda: market.refund(tokens["vendor"], order_id)
        if seen.state == "disputed":
            outcome: Literal["release", "refund"] = "release" if voyage.ending == "arbiter releases" else "refund"
            return lambda: market.resolve(tokens["arbiter"], order_id, outcome)
        return None

    def _pay(self, voyage: Voyage, address: str, amounts: Sequence[int]) -> None:
        """Pay all that is due before anybody mines: how soon the marketplace sees the first decides nothing then."""
        for amount in amounts:
            txid = self._purse.pay(address, amount)
            voyage.deposited.append(txid)
            voyage.note(f"deposited by {txid}")

    def _mine(self, voyages: Sequence[Voyage]) -> None:
        expected = any(voyage.is_expected for voyage in voyages)
        if self._purse.waiting():
            # A deposit counts once it can be spent; a payout once it is in a block.
            self._purse.mine(SPENDABLE_BLOCKS if expected else 1)
        elif expected and time.monotonic() - self._mined_at > _ANOTHER_BLOCK_SECONDS:
            self._purse.mine(1)  # some were mined while one crashed, or others' payouts came in between
        else:
            return
        self._mined_at = time.monotonic()

    def _register(self) -> Account:
        return self._market.register(f"settler-{secrets.token_hex(8)}", secrets.token_urlsafe(16))

    def _login(self, who: str) -> str:
        account = self._accounts[who]
        return self._market.login(account.username, account.password).token


def _insist(ask: Callable[[], T]) -> T:
    """Ask until answered; who comes too fast, or while the stack is away, comes again.

    Raises:
        AssertionError: the answer was one that a right client never gets, or always to come later.
        CannotTell: nobody answers.

    """

    def once() -> T | None:
        try:
            return ask()
        except CannotTell:
            raise
        except SeatrialError as answer:
            if isinstance(answer, Refused) and answer.status in _LATER:
                return None
            raise AssertionError(str(answer)) from answer

    return eventually(once, within=timedelta(seconds=30), every=timedelta(milliseconds=500), what="an answer")
