"""Opens an escrow in each state on a running stack, and later ends each, on that stack or on one restored from it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from stack.clients.escrow import EscrowMarket
from stack.clients.market import HasSession, Refused
from stack.errors import CannotTell
from stack.model import Stack
from stack.purse import SPENDABLE_BLOCKS, Purse, chain_of, open_purse
from stack.waiting import eventually

T = TypeVar("T")

PRICE_PICONERO = 5 * 10**10
OPEN_STATES = ("created", "funded", "shipped", "disputed")
ENDS_AS = {"created": "released", "funded": "released", "shipped": "released", "disputed": "refunded"}
_LATER = {409, 429, 502, 503, 504}
_WITHIN = timedelta(seconds=180)
_EVERY = timedelta(milliseconds=200)


@dataclass
class Opened:
    """The parties' sessions and one order in each open state, by state."""

    vendor: str
    buyer: str
    arbiter: str
    orders: dict[str, str] = field(default_factory=dict)
    """Id by the state that it was left in."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Where what the parties get goes to, by state."""
    late_deposit: str = ""
    """The transaction that pays the order left in `created`, once `pay_late` has made it."""


@dataclass(frozen=True)
class Counter:
    """The open escrows, and the purse that paid them, while it is open."""

    stack: Stack
    purse: Purse
    opened: Opened

    def pay_late(self) -> None:
        """Pay the order that was only created: called after the backups, so that only the chain knows of it."""
        market = EscrowMarket(self.stack.edge)
        address = market.escrow(self.opened.buyer, self.opened.orders["created"]).deposit_address
        if address is None:
            raise CannotTell("the order that was only created has no deposit address yet")
        self.opened.late_deposit = self.purse.pay(address, PRICE_PICONERO)
        self.purse.mine(SPENDABLE_BLOCKS)


@contextmanager
def opened_on(stack: Stack) -> Iterator[Counter]:
    """Open an escrow in each state, with money from a purse that is open while the block runs.

    Raises:
        CannotTell: the marketplace or the chain does not do its part in three minutes.

    """
    with open_purse(stack, spendings=len(OPEN_STATES)) as purse:
        market = EscrowMarket(stack.edge)
        opened = _parties(stack, market)
        listing = insist(
            lambda: market.list_for_sale(
                opened.vendor, title="Sextant", description="", price_piconero=PRICE_PICONERO
            )
        ).id
        for state in OPEN_STATES:
            opened.addresses[state] = purse.address()
            key = secrets.token_hex(16)
            opened.orders[state] = insist(
                lambda state=state, key=key: market.order_with_escrow(  # type: ignore[misc]
                    opened.buyer, listing, key=key, refund_address=opened.addresses[state]
                )
            ).id
        _pay(market, purse, opened)
        for state in OPEN_STATES[1:]:
            _advance_to(market, purse, opened, state)
        yield Counter(stack, purse, opened)


def _parties(stack: Stack, market: EscrowMarket) -> Opened:
    def login() -> tuple[str, str]:
        account = insist(lambda: market.register(f"party-{secrets.token_hex(8)}", secrets.token_urlsafe(16)))
        return account.id, insist(lambda: market.login(account.username, account.password)).token

    (_, vendor), (_, buyer), (arbiter_id, arbiter) = login(), login(), login()
    service = stack.profile.database.service if stack.profile.database else "server-blue"
    done = stack.container(service).exec(["python", "-m", "marketplace_server.arbiters", arbiter_id])
    if not done.ok:
        raise CannotTell(f"an account could not be made the arbiter: {done.last_words()}")
    return Opened(vendor, buyer, arbiter)


def _pay(market: EscrowMarket, purse: Purse, opened: Opened) -> None:
    for state in OPEN_STATES[1:]:
        address = _await(lambda state=state: market.escrow(opened.buyer, opened.orders[state]).deposit_address)  # type: ignore[misc]
        _await(lambda address=address: purse.pay(address, PRICE_PICONERO))  # type: ignore[misc]
    purse.mine(SPENDABLE_BLOCKS)
    # the one that stays unpaid has its address too: it must be the same after a restore
    _await(lambda: market.escrow(opened.buyer, opened.orders["created"]).deposit_address)


def _advance_to(market: EscrowMarket, purse: Purse, opened: Opened, wanted: str) -> None:
    order_id, acts = opened.orders[wanted], _acts(market, opened, wanted)

    def there() -> bool:
        state = market.escrow(opened.buyer, order_id).state
        if state != wanted and state in acts:
            _tried(acts[state])
        return state == wanted

    _await(there)


def _acts(market: EscrowMarket, opened: Opened, left_in: str) -> dict[str, Callable[[], object]]:
    """What the parties do next, by state; the order that is left in dispute is refunded, the others are released."""
    order_id = opened.orders[left_in]
    acts: dict[str, Callable[[], object]] = {
        "funded": lambda: market.ship(opened.vendor, order_id, payout_address=opened.addresses[left_in]),
        "shipped": lambda: market.release(opened.buyer, order_id),
        "disputed": lambda: market.resolve(opened.arbiter, order_id, "refund"),
    }
    if left_in == "disputed":
        acts["shipped"] = lambda: market.dispute(opened.buyer, order_id)
    return acts


def ended(stack: Stack, edge: HasSession, opened: Opened) -> dict[str, str]:
    """Let the parties end every order on `stack`, mining meanwhile; return by state the transaction that paid each out.

    Raises:
        AssertionError: one did not end as it should within three minutes.

    """
    market, daemon = EscrowMarket(edge), chain_of(stack)
    home = stack.wallet("buyer").address()
    paid: dict[str, str] = {}

    def turn() -> bool:
        for left_in, order_id in opened.orders.items():
            if left_in in paid:
                continue
            seen = insist(lambda order_id=order_id: market.escrow(opened.buyer, order_id))  # type: ignore[misc]
            confirmed = [payout.txid for payout in seen.payouts if payout.txid]
            if seen.state == ENDS_AS[left_in] and confirmed:
                paid[left_in] = confirmed[0]
            elif not seen.payouts and (act := _acts(market, opened, left_in).get(seen.state)):
                _tried(act)
        if int(daemon.call("get_info")["tx_pool_size"]):
            daemon.call("generateblocks", amount_of_blocks=1, wallet_address=home)
        return len(paid) == len(opened.orders)

    try:
        eventually(turn, within=_WITHIN, every=_EVERY, what=f"{stack.project}: every escrow ends")
    except AssertionError as error:
        left = {name: market.escrow(opened.buyer, order).state for name, order in opened.orders.items() if name not in paid}
        raise AssertionError(f"{error}; not ended, by the state it was restored in: {left}") from error
    return paid


def insist(ask: Callable[[], T]) -> T:
    """Ask until answered: whoever comes too fast comes again."""
    answers: list[T] = []

    def once() -> bool:
        return _tried(lambda: answers.append(ask()))

    eventually(once, within=_WITHIN, every=_EVERY, what="the marketplace answers")
    return answers[0]


def _tried(act: Callable[[], object]) -> bool:
    try:
        act()
    except Refused as refused:
        if refused.status not in _LATER:
            raise
        return False
    return True


def _await(probe: Callable[[], T | None]) -> T:
    """Wait for what is only preparation here: where it does not come, nothing can be told of a restore."""
    try:
        return eventually(lambda: probe(), within=_WITHIN, every=_EVERY, what="an escrow gets on")
    except (AssertionError, Refused) as error:
        raise CannotTell(f"escrows can't be opened: {error}") from error


def states_of(edge: HasSession, opened: Opened) -> Sequence[tuple[str, str, str]]:
    """Each order: the state it was left in, the one it is in, and its deposit address."""
    market = EscrowMarket(edge)
    seen = {state: insist(lambda order=order: market.escrow(opened.buyer, order)) for state, order in opened.orders.items()}  # type: ignore[misc]
    return [(state, one.state, one.deposit_address or "") for state, one in seen.items()]
