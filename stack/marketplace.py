"""The marketplace's journey: registers, lists and orders, remembers what was acknowledged, and looks for it later."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from stack.clients.market import Account, HasSession, Listing, Market, Order, Refused, Unanswered
from stack.errors import CannotTell, UserError
from stack.journey import Ack, Losses, Wrong
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack

T = TypeVar("T")
Kind = Literal["register", "listing", "order"]

_ROUND: tuple[Kind, ...] = ("listing", *("order",) * 4) * 10
"""What one round does after its registrations: a shop is read and bought from far more often than it is stocked."""
_PATIENCE = 8
"""How often a read-back that was refused for coming too fast is tried again."""


@dataclass(frozen=True)
class Written:
    """What was acknowledged, by whom, and how it should look."""

    kind: Kind
    by: Account
    thing: Account | Listing | Order


class MarketplaceJourney:
    """Writes as a vendor and a buyer do. Not thread-safe: one journey a thread.

    Each round registers a vendor and a buyer, so that logins stay rare enough for the edge's limit on them. An order
    that went unanswered is tried once more under its Idempotency-Key, as a real client does.
    """

    def __init__(self, target: Stack | HasSession | str, *, price_piconero: int = 1_000_000_000) -> None:
        """Take a stack, its edge, or a base URL. `price_piconero` is that of the listings (default 0.001 XMR).

        Raises UserError for a URL that is none: nobody would answer there, and it would read as an outage.
        """
        self._market = Market(_reachable(target))
        self._price = price_piconero
        self._written: dict[str, Written] = {}
        self._tokens: dict[str, str] = {}
        self._vendor: Account | None = None
        self._buyer: Account | None = None
        self._listing: Listing | None = None
        self._step = 0

    def against(self, target: Stack | HasSession | str) -> MarketplaceJourney:
        """Return a journey with the same memory that speaks to another stack: a restore is verified with it."""
        other = MarketplaceJourney(target, price_piconero=self._price)
        other._written = dict(self._written)
        return other

    def act(self) -> Ack:
        """Do the next write. Raises Refused (nothing was done) and Unanswered (unknown), both to be counted by the caller."""
        if self._vendor is None:
            self._vendor = self._register()
            return self._acknowledged("register", self._vendor, self._vendor, self._vendor.id)
        if self._buyer is None:
            self._buyer = self._register()
            return self._acknowledged("register", self._buyer, self._buyer, self._buyer.id)
        kind = _ROUND[self._step % len(_ROUND)]
        if kind == "listing" or self._listing is None:
            ack = self._list(self._vendor)
        else:
            ack = self._order(self._buyer, self._listing)
        self._step += 1
        if self._step % len(_ROUND) == 0:
            self._vendor = self._buyer = self._listing = None
        return ack

    def verify(self, acks: Sequence[Ack]) -> Losses:
        """Read every acknowledged write back. Acks must be this journey's own (or of one it was made `against`).

        Raises:
            CannotTell: the marketplace could not be asked, or an ack is not of this journey.

        """
        wanted = {ack.key: ack for ack in acks}
        if unknown := next((ack for ack in acks if ack.key not in self._written), None):
            message = f"{unknown.kind} {unknown.key} was not written by this journey"
            raise CannotTell(message)
        lost: list[Ack] = []
        duplicated: list[Ack] = [ack for ack, times in Counter(acks).items() if times > 1]
        wrong: list[Wrong] = []
        for account, own in _by_account(wanted.values(), self._written):
            found, copies = self._read_back(account, {ack.kind for ack in own})
            for ack in own:
                there = found.get(ack.key)
                if there is None:
                    lost.append(ack)
                    continue
                if copies[_identity(there)] > 1:
                    duplicated.append(ack)
                if reason := _difference(self._written[ack.key].thing, there):
                    wrong.append(Wrong(ack, reason))
        kept = [ack for ack in wanted.values() if ack not in lost]
        numbers = Counter(ack.sequence for ack in kept)
        duplicated += [ack for ack in kept if numbers[ack.sequence] > 1 and ack not in duplicated]
        return Losses(
            tuple(sorted(lost, key=_sequence)),
            tuple(sorted(duplicated, key=_sequence)),
            tuple(sorted(wrong, key=lambda one: one.ack.sequence)),
        )

    def _register(self) -> Account:
        return self._market.register(f"sailor-{secrets.token_hex(8)}", secrets.token_urlsafe(16))

    def _list(self, vendor: Account) -> Ack:
        token = self._token(vendor)
        nonce = secrets.token_hex(8)
        listing = self._market.list_for_sale(
            token, title=f"Barometer {nonce}", description="Brass, from a sea trial.", price_piconero=self._price
        )
        self._listing = listing
        return self._acknowledged("listing", vendor, listing, listing.id)

    def _order(self, buyer: Account, listing: Listing) -> Ack:
        token, key = self._token(buyer), secrets.token_hex(16)
        try:
            order = self._market.order(token, listing.id, key=key, note=f"deliver {key}")
        except Unanswered:
            order = self._market.order(token, listing.id, key=key, note=f"deliver {key}")
        return self._acknowledged("order", buyer, order, order.id)

    def _acknowledged(self, kind: Kind, by: Account, thing: Account | Listing | Order, key: str) -> Ack:
        self._written[key] = Written(kind, by, thing)
        return Ack(sequence=thing.sequence, kind=kind, at=time.time(), key=key)

    def _token(self, account: Account) -> str:
        if account.id not in self._tokens:
            self._tokens[account.id] = self._market.login(account.username, account.password).token
        return self._tokens[account.id]

    def _read_back(
        self, account: Account, kinds: set[str]
    ) -> tuple[dict[str, Account | Listing | Order], Counter[str]]:
        """What the marketplace has of an account, by key, and how often each identity occurs."""
        found: dict[str, Account | Listing | Order] = {}
        if "register" in kinds:
            # A fresh login and not a token kept: that the account can be used is what was acknowledged.
            self._tokens.pop(account.id, None)
        try:
            if kinds & {"register", "order"}:
                login_id = self._patiently(lambda: self._login(account))
                found[login_id] = replace(account, id=login_id)
            orders = self._patiently(lambda: self._purchases(account)) if "order" in kinds else []
        except Refused as refused:
            if refused.status != 401:
                raise
            orders = []  # nobody can log in as this account: it is gone, and all that was its own with it
        listings = self._patiently(lambda: list(self._market.listings_of(account.id))) if "listing" in kinds else []
        things: list[Listing | Order] = [*orders, *listings]
        found |= {thing.id: thing for thing in things}
        return found, Counter(_identity(thing) for thing in things)

    def _login(self, account: Account) -> str:
        self._token(account)
        return account.id

    def _purchases(self, account: Account) -> list[Order]:
        try:
            return list(self._market.purchases(self._token(account)))
        except Refused as refused:
            if refused.status != 401:
                raise
            # The session is younger than the data (a restore): it is gone, which is no loss of what was acknowledged.
            self._tokens.pop(account.id, None)
            return list(self._market.purchases(self._token(account)))

    def _patiently(self, read: Callable[[], T]) -> T:
        """Read, waiting as told when it came too fast. Raises Refused for a 401, CannotTell for any other refusal."""
        for _ in range(_PATIENCE):
            try:
                return read()
            except Refused as refused:
                if refused.status == 401:
                    raise
                if refused.status != 429:
                    message = f"cannot read back: {refused}"
                    raise CannotTell(message) from refused
                pause(refused.retry_after_seconds or 1.0)
        message = f"cannot read back: refused as too fast {_PATIENCE} times"
        raise CannotTell(message)


def _reachable(target: Stack | HasSession | str) -> HasSession | str:
    if isinstance(target, str):
        _require_url(target)
        return target
    return target if hasattr(target, "session") else target.edge


def _require_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port beyond 65535
        is_one = False
    if not is_one:
        message = f"{text}: an http or https URL with a host is expected"
        raise UserError(message)


def _sequence(ack: Ack) -> int:
    return ack.sequence


def _by_account(acks: Iterable[Ack], written: dict[str, Written]) -> list[tuple[Account, list[Ack]]]:
    grouped: dict[str, tuple[Account, list[Ack]]] = {}
    for ack in acks:
        by = written[ack.key].by
        grouped.setdefault(by.id, (by, []))[1].append(ack)
    return list(grouped.values())


def _identity(thing: Account | Listing | Order) -> str:
    """What may exist only once: an order's idempotency key, a listing's title with its nonce."""
    if isinstance(thing, Order):
        return thing.idempotency_key
    return thing.title if isinstance(thing, Listing) else thing.id


def _difference(expected: Account | Listing | Order, found: Account | Listing | Order) -> str:
    """Say how a thing differs from what was acknowledged; an order may have moved on to a later state."""
    if isinstance(expected, Order) and isinstance(found, Order):
        expected = replace(expected, state=found.state)
    for name in vars(expected):
        was, now = getattr(expected, name), getattr(found, name, None)
        if was != now and name != "password":
            return f"{name} was {was!r} and is {now!r}"
    return ""
