"""Customers on a pretended marketplace: what they are told is believed and looked for, and each wrong answer is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.machines import customers as module
from chaos.machines import marketplace as stage
from chaos.machines.customers import Customers, PassingTrade
from chaos.machines.escrows import Escrows
from chaos.machines.marketplace import Marketplace
from chaos.machines.plan import Step
from stack.clients.escrow import Escrow
from stack.clients.market import Account, Listing, Login, Order, Refused, Unanswered
from stack.clients.wallet import WalletError
from stack.errors import CannotTell, SeatrialError
from stack.waiting import eventually

ANY: Any = None


@dataclass
class World:
    """What a marketplace keeps, and what is wrong with it."""

    orders: dict[tuple[str, str], Order] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)
    sequence: int = 0
    answer: SeatrialError | None = None
    """What everybody is answered instead."""
    forgets_keys: bool = False
    loses: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self) -> int:
        self.sequence += 1
        return self.sequence


class Market:
    """The client's methods, on a World."""

    def __init__(self, world: World, **_: object) -> None:
        self.world = world

    def close(self) -> None:
        return

    def _answer(self) -> None:
        if self.world.answer is not None:
            raise self.world.answer

    def register(self, username: str, password: str) -> Account:
        self._answer()
        return Account(username, username, password, self.world.number())

    def login(self, username: str, _password: str) -> Login:
        return Login(username, f"token of {username}", 0.0, self.world.number())

    def list_for_sale(self, _token: str, *, title: str, description: str, price_piconero: int) -> Listing:
        self._answer()
        made = Listing(title, self.world.number(), "vendor", title, description, price_piconero)
        self.world.listings.append(made)
        return made

    def listing(self, listing_id: str) -> Listing:
        self._answer()
        return next(one for one in self.world.listings if one.id == listing_id)

    def listings_of(self, _vendor: str) -> Iterator[Listing]:
        self._answer()
        yield from self.world.listings

    def order(self, token: str, listing_id: str, *, key: str) -> Order:
        self._answer()
        with self.world.lock:
            if (token, key) not in self.world.orders or self.world.forgets_keys:
                number = self.world.number()
                order = Order(f"order{number}", number, "created", listing_id, token, "vendor", 5, "", key)
                self.world.orders[token, key] = order
            return self.world.orders[token, key]

    def order_with_escrow(self, token: str, listing_id: str, *, key: str, refund_address: str) -> Order:
        return self.order(token, listing_id, key=key)

    def purchases(self, token: str) -> Iterator[Order]:
        self._answer()
        if not self.world.loses:
            yield from (order for (owner, _), order in self.world.orders.items() if owner == token)

    def escrow(self, _token: str, _order_id: str) -> Escrow:
        self._answer()
        return Escrow("created", "somewhere", 0, 0, ())

    def ship(self, _token: str, _order_id: str, *, payout_address: str) -> int:
        self._answer()
        return self.world.number()


@pytest.fixture
def world() -> World:
    return World(listings=[Listing("l0", 1, "vendor", "Chronometer", "", 5)], sequence=1)


@pytest.fixture
def customers(world: World, monkeypatch: pytest.MonkeyPatch) -> Customers:
    monkeypatch.setattr(module, "EscrowMarket", lambda _edge, **_: Market(world))
    monkeypatch.setattr(module, "_ANSWERED_WITHIN", timedelta(0))
    parties = SimpleNamespace(
        tokens={"buyer": "token", "vendor": "vendor's", "arbiter": "arbiter's"},
        accounts={"vendor": Account("vendor", "vendor", "", 0)},
        listing=world.listings[0],
    )
    return Customers(ANY, parties, "nonce")


def busy(status: int = 503) -> Refused:
    return Refused("ordering", status, "unavailable", None)


def test_what_is_done_on_a_sound_marketplace_is_there(customers: Customers) -> None:
    said = [customers.order("a", buyer=0, listing=0), customers.register(1), customers.list_for_sale(1)]
    said += [customers.order("b", buyer=1, listing=1), customers.order("a", buyer=0, listing=0), customers.browse(1)]

    assert said[0] == said[4] == "order order2, sequence 2"
    assert customers.look() == []
    customers.ask_for_all_again()
    assert customers.book.acknowledged == 2


def test_what_was_never_made_is_nothing_to_do(customers: Customers) -> None:
    assert customers.order("a", buyer=1, listing=0) == "there is no such buyer"
    assert customers.order("a", buyer=0, listing=1) == "there is no such listing"
    assert customers.browse(1) == "there is no such listing"
    assert customers.register(0) == customers.list_for_sale(0) == "is there already"
    assert customers.book.asked == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Unanswered("ordering: no whole answer came"), "no answer"),
        (busy(503), "refused with 503"),
        (busy(429), "refused with 429"),
    ],
)
def test_who_is_not_served_now_comes_again(
    customers: Customers, world: World, answer: SeatrialError, said: str
) -> None:
    world.answer = answer

    assert customers.order("a", buyer=0, listing=0) == said
    assert customers.register(1) == customers.list_for_sale(1) == customers.browse(0) == said
    with pytest.raises(CannotTell):
        customers.look()

    world.answer = None
    customers.ask_for_all_again()
    assert customers.book.acknowledged == 1


def test_an_order_that_is_never_served_is_told(customers: Customers, world: World) -> None:
    world.answer = busy()
    customers.order("a", buyer=0, listing=0)

    with pytest.raises(AssertionError, match="order a is acknowledged in the end: not within 0 s"):
        customers.ask_for_all_again()


@pytest.mark.parametrize(
    "answer", [busy(500), busy(401), busy(404), busy(409), SeatrialError("the answer has no proper id")]
)
def test_an_answer_that_a_right_client_never_gets_is_wrong(
    customers: Customers, world: World, answer: SeatrialError
) -> None:
    world.answer = answer
    acts: list[Callable[[], object]] = [
        lambda: customers.order("a", buyer=0, listing=0),
        lambda: customers.register(1),
        lambda: customers.list_for_sale(1),
        lambda: customers.browse(0),
    ]

    for act in acts:
        with pytest.raises(AssertionError, match=str(answer).replace("(", r"\(").replace(")", r"\)")):
            act()
    assert customers.look() == [str(answer)]


def test_a_listing_that_changed_is_told(customers: Customers, world: World) -> None:
    world.listings[0] = replace(world.listings[0], price_piconero=6)

    with pytest.raises(AssertionError, match="listing l0 is not what was acknowledged"):
        customers.browse(0)


def test_whoever_orders_meanwhile_is_remembered_too(customers: Customers, world: World) -> None:
    with PassingTrade(customers, "wave", buyer=0, listing=0, at_most=3, seconds_between=0) as trade:
        eventually(lambda: len(world.orders) == 3, within=timedelta(seconds=20), every=timedelta(milliseconds=5))

    assert str(trade) == "3 × acknowledged"
    assert customers.look() == []
    world.loses = True
    assert len(customers.look()) == 3


# ── on the stage: with faults and escrows ───────────────────────────────────────────────────────────────────────────────


class Standing:
    """Faults that are only pretended."""

    def __init__(self) -> None:
        self.fault: Any = None
        self.meanwhile: Callable[[], None] = lambda: None

    def begin(self, effect: str, parameters: Mapping[str, Any]) -> str:
        self.meanwhile()
        self.fault = SimpleNamespace(targets=(parameters["service"],))
        return f"{parameters['service']} is {effect}"

    def end(self) -> str:
        self.meanwhile()
        self.fault = None
        return "is gone"


class Purse:
    """Pays, or says why not."""

    def __init__(self) -> None:
        self.error: SeatrialError | None = None
        self.paid: list[str] = []

    def address(self) -> str:
        return "somebody's"

    def pay(self, address: str, *_amounts: int) -> str:
        self.paid.append(address)
        return f"tx{len(self.paid)}"

    def mine(self, _blocks: int) -> int:
        if self.error is not None:
            raise self.error
        return 1


@pytest.fixture
def purse() -> Purse:
    return Purse()


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.fixture
def market(customers: Customers, purse: Purse, standing: Standing, monkeypatch: pytest.MonkeyPatch) -> Marketplace:
    settling: Any = SimpleNamespace(tokens={"buyer": "token", "vendor": "vendor's"}, settle=lambda *_, **__: None)
    made: Any = purse
    escrows = Escrows(customers, settling, made, "nonce", chain="monerod")
    monkeypatch.setattr(stage, "books_of", lambda _stack: None)
    monkeypatch.setattr(stage, "in_the_books", lambda _books: [])
    faults: Any = standing
    return Marketplace(ANY, customers, escrows, faults)


def order(key: int, *, escrow: bool = True) -> Step:
    return Step("order", {"key": key, "buyer": 0, "listing": 0, "escrow": escrow})


BEGIN = Step("begin", {"effect": "paused", "parameters": {"service": "monerod"}, "buyer": 0, "listing": 0})
PAY, SHIP, END = Step("pay", {"key": 0}), Step("act", {"key": 0, "verb": "ship"}), Step("end")


def test_a_step_that_lacks_what_it_needs_does_nothing(market: Marketplace, world: World) -> None:
    assert market.perform(PAY) == market.perform(SHIP) == "no such order was acknowledged"
    assert market.perform(END) == "nothing stands"
    assert world.orders == {}


def test_an_escrow_is_paid_once_and_not_while_the_chain_is_away(market: Marketplace, purse: Purse) -> None:
    market.perform(order(0))
    market.perform(BEGIN)

    assert market.perform(PAY) == "its buyer waits until the chain is back"
    assert market.perform(END).startswith("is gone; meanwhile ")
    assert market.perform(PAY) == "paid by tx1"
    assert market.perform(PAY) == "is paid already"
    assert purse.paid == ["somewhere"]


def test_a_payment_that_nobody_mines_is_made_all_the_same(market: Marketplace, purse: Purse) -> None:
    purse.error = WalletError("Core is busy", -9)
    market.perform(order(0))

    assert market.perform(PAY) == "not mined (Core is busy)"
    assert market.perform(PAY) == "is paid already"


def test_a_party_that_is_told_twice_that_it_is_done_is_found(market: Marketplace) -> None:
    market.perform(order(0))
    assert market.perform(SHIP).startswith("acknowledged, sequence ")

    with pytest.raises(AssertionError, match="ship was acknowledged after ship"):
        market.perform(SHIP)


def test_an_order_that_is_not_that_far_is_waited_for_and_no_wrong(
    market: Marketplace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.machines.escrows._FOLLOWS_WITHIN", timedelta(0))
    market.perform(order(0))
    world.answer = busy(409)

    assert market.perform(SHIP) == "is not to be done now"


def test_a_wrong_answer_to_a_party_is_told_and_not_waited_away(market: Marketplace, world: World) -> None:
    market.perform(order(0))
    world.answer = busy(500)

    with pytest.raises(AssertionError, match="refused with status 500"):
        market.perform(SHIP)
    with pytest.raises(AssertionError, match="refused with status 500"):
        market.perform(PAY)


def test_what_passing_trade_saw_is_told_though_the_fault_itself_came_to_nothing(
    market: Marketplace, world: World, standing: Standing
) -> None:
    def comes_to_nothing() -> None:
        world.answer = busy(500)
        eventually(
            lambda: not any(thread.name.startswith("nonce-wave") for thread in threading.enumerate()),
            within=timedelta(seconds=20),
            every=timedelta(milliseconds=5),
        )
        raise CannotTell("the witness is silent")

    standing.meanwhile = comes_to_nothing

    with pytest.raises(AssertionError, match="refused with status 500"):
        market.perform(BEGIN)


def test_while_nobody_answers_nothing_is_judged_and_afterwards_everything_is(market: Marketplace, world: World) -> None:
    market.perform(order(0))
    world.loses, world.answer = True, busy()

    assert market.complaints() == []

    world.answer = None
    assert [said[:12] for said in market.complaints()] == ["lost: order "]


def test_the_end_asks_for_everything_again_and_a_key_that_was_forgotten_shows(
    market: Marketplace, world: World
) -> None:
    market.perform(order(0, escrow=False))
    world.forgets_keys = True

    with pytest.raises(
        AssertionError, match="doubled: asked again under the key of order order2, and order order3 was acknowledged"
    ):
        market.finish()


def test_an_end_at_which_nothing_was_acknowledged_shows_nothing(market: Marketplace) -> None:
    with pytest.raises(CannotTell, match="no order was acknowledged, so none could be lost"):
        market.finish()
