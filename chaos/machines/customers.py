"""Buyers and a vendor who come again when no answer came, remember what they were told, and look whether it is still so."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from chaos.machines.order_book import OrderBook
from stack.clients.escrow import EscrowMarket
from stack.clients.market import Listing, Refused, Unanswered
from stack.errors import CannotTell, SeatrialError
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.clients.market import Account
    from stack.edge import Edge

LATER = frozenset({429, 502, 503, 504})
"""Too fast, or not now: whoever comes again is served. Any other refusal is one that a right client never gets."""
PATIENCE_SECONDS = 2.0
"""Who hears nothing for so long has no answer: the order may have been taken all the same."""
_PRICE_PICONERO = 10**9
_AT_MOST_IN_A_WAVE = 25
_SECONDS_BETWEEN = 0.06
_ANSWERED_WITHIN = timedelta(seconds=45)
_EVERY = timedelta(milliseconds=500)


class Parties(Protocol):
    """Who is there from the start (stack.settling.Settling, where money is followed on the chain)."""

    @property
    def tokens(self) -> Mapping[str, str]:
        """The sessions of `buyer` and `vendor`."""

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Who they are."""

    @property
    def listing(self) -> Listing:
        """What the vendor sells."""


class Customers:
    """Who speaks to the edge in the course of a list. `order` may be called by several threads, each with its own market."""

    def __init__(self, edge: Edge, settling: Parties, nonce: str) -> None:
        """Buyer 0, the vendor and listing 0 are the settling's, whose money may be followed on the chain."""
        self.book = OrderBook()
        self.nonce = nonce
        self.market = EscrowMarket(edge, patience_seconds=PATIENCE_SECONDS)
        self._edge = edge
        self._vendor, self._vendor_id = settling.tokens["vendor"], settling.accounts["vendor"].id
        self._buyers = {0: settling.tokens["buyer"]}
        self._listings = {0: settling.listing}
        self._refund_addresses: dict[str, str | None] = {}
        self.book.listed(settling.listing, floor=0)

    def another_market(self) -> EscrowMarket:
        """A connection of its own."""
        return EscrowMarket(self._edge, patience_seconds=PATIENCE_SECONDS)

    def register(self, buyer: int) -> str:
        """A buyer makes an account and logs in."""
        if buyer in self._buyers:
            return "is there already"
        floor = self.book.highest
        name, password = f"sea-{secrets.token_hex(8)}", secrets.token_urlsafe(16)
        try:
            account = self.market.register(name, password)
            self._insist(self.book.number(f"account {account.id}", account.sequence, floor=floor))
            floor = self.book.highest
            login = self.market.login(name, password)
        except SeatrialError as answer:
            return _told(answer)
        self._insist(self.book.number(f"login of {account.id}", login.sequence, floor=floor))
        self._buyers[buyer] = login.token
        return f"account {account.id}"

    def list_for_sale(self, listing: int) -> str:
        """The vendor lists something."""
        if listing in self._listings:
            return "is there already"
        floor, title = self.book.highest, f"Sextant {secrets.token_hex(8)}"
        try:
            made = self.market.list_for_sale(
                self._vendor, title=title, description="Brass, from a sea trial.", price_piconero=_PRICE_PICONERO
            )
        except SeatrialError as answer:
            return _told(answer)
        self._insist(self.book.listed(made, floor=floor))
        self._listings[listing] = made
        return f"listing {made.id}"

    def browse(self, listing: int) -> str:
        """Somebody reads a listing."""
        known = self._listings.get(listing)
        if known is None:
            return "there is no such listing"
        try:
            read: Listing = self.market.listing(known.id)
        except SeatrialError as answer:
            return _told(answer)
        assert read == known, f"listing {known.id} is not what was acknowledged: {read}"
        return "as it was acknowledged"

    def order(
        self,
        key: str,
        *,
        buyer: int,
        listing: int,
        refund_address: str | None = None,
        market: EscrowMarket | None = None,
    ) -> str:
        """A buyer asks for an order under a key, for the first time or again."""
        token, thing = self._buyers.get(buyer), self._listings.get(listing)
        if token is None or thing is None:
            return "there is no such buyer" if token is None else "there is no such listing"
        market = market or self.market
        self._refund_addresses.setdefault(key, refund_address)
        asked = self.book.asking(key, buyer=buyer, listing=listing, escrow=refund_address is not None)
        try:
            if refund_address is not None:
                order = market.order_with_escrow(token, thing.id, key=key, refund_address=refund_address)
            else:
                order = market.order(token, thing.id, key=key)
        except SeatrialError as answer:
            return _told(answer)
        self._insist(self.book.answered(asked, order))
        return f"order {order.id}, sequence {order.sequence}"

    def ask_for_all_again(self) -> None:
        """Each order is asked for under its own key until it is acknowledged, as a right client does.

        Raises AssertionError for one that is not.
        """
        for one in self.book.asked:

            def acknowledged(key: str = one.key, buyer: int = one.buyer, listing: int = one.listing) -> bool:
                said = self.order(key, buyer=buyer, listing=listing, refund_address=self._refund_addresses[key])
                return said.startswith("order ")

            eventually(
                acknowledged, within=_ANSWERED_WITHIN, every=_EVERY, what=f"order {one.key} is acknowledged in the end"
            )

    def look(self) -> list[str]:
        """What the marketplace shows each customer, held against what they were told. Raises CannotTell when it can't be asked."""
        found: list[str] = []
        try:
            for buyer, token in self._buyers.items():
                found += self.book.owns(buyer, self.market.purchases(token))
            found += self.book.offers(self.market.listings_of(self._vendor_id))
        except CannotTell:
            raise
        except SeatrialError as answer:
            if isinstance(answer, Refused) and answer.status in LATER:
                raise CannotTell(str(answer)) from answer
            return [*found, str(answer)]
        return found

    def _insist(self, complaints: list[str]) -> None:
        assert not complaints, "; ".join(complaints)


class PassingTrade:
    """One buyer who orders again and again for the length of a block, each order under a key of its own."""

    def __init__(
        self,
        customers: Customers,
        name: str,
        *,
        buyer: int,
        listing: int,
        at_most: int = _AT_MOST_IN_A_WAVE,
        seconds_between: float = _SECONDS_BETWEEN,
    ) -> None:
        self._customers, self._name, self._buyer, self._listing = customers, name, buyer, listing
        self._at_most, self._seconds_between = at_most, seconds_between
        self._market = customers.another_market()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trade, name=name, daemon=True)
        self._answers: Counter[str] = Counter()
        self.complaints: list[str] = []
        """What was wrong with the answers."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._market.close()

    def __str__(self) -> str:
        """How many were answered how."""
        return ", ".join(f"{count} × {said}" for said, count in sorted(self._answers.items())) or "nobody ordered"

    def _trade(self) -> None:
        for number in range(self._at_most):
            if self._over.is_set():
                return
            began = time.monotonic()
            try:
                said = self._customers.order(
                    f"{self._name}-{number}", buyer=self._buyer, listing=self._listing, market=self._market
                )
            except (AssertionError, SeatrialError) as error:
                self.complaints.append(str(error))
                return
            self._answers["acknowledged" if said.startswith("order ") else said] += 1
            pause(self._seconds_between - (time.monotonic() - began))


def _told(answer: SeatrialError) -> str:
    """What an answer other than the one hoped for means to who asked.

    Raises AssertionError for one that a right client never gets: a refusal for good, or something that is no answer.
    """
    if isinstance(answer, Unanswered):
        return "no answer"
    assert isinstance(answer, Refused), str(answer)
    assert answer.status in LATER, str(answer)
    return f"refused with {answer.status}"
