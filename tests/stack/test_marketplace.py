"""The marketplace's journey, against the real server with losses seeded into its database."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from marketplace_server.connection import open_connection

from stack.clients.market import Market, Order, Refused, Unanswered
from stack.errors import CannotTell
from stack.journey import Ack, Journey
from stack.marketplace import MarketplaceJourney
from tests.server.process import KEY, Colour, running

Tamper = Callable[..., object]


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colour]:
    """One running server."""
    with running(tmp_path_factory.mktemp("market"), "blue") as (server,):
        yield server


@pytest.fixture
def tamper(blue: Colour) -> Iterator[Tamper]:
    """A way to change the database behind the server's back."""
    connection = open_connection(blue.folder / "market.db", KEY, busy_timeout_seconds=5, writes=True)
    connection.execute("PRAGMA foreign_keys = OFF")
    yield lambda statement, *values: connection.execute(statement, values)
    connection.close()


@pytest.fixture
def journey(blue: Colour) -> MarketplaceJourney:
    """A journey of its own for each test."""
    return MarketplaceJourney(blue.url)


def _acks(journey: MarketplaceJourney, count: int = 12) -> list[Ack]:
    return [journey.act() for _ in range(count)]


def _first(acks: list[Ack], kind: str) -> Ack:
    return next(ack for ack in acks if ack.kind == kind)


def test_it_is_a_journey(journey: MarketplaceJourney) -> None:
    assert isinstance(journey, Journey)


def test_it_registers_lists_and_orders_with_growing_sequences(journey: MarketplaceJourney) -> None:
    acks = _acks(journey)

    assert {ack.kind for ack in acks} == {"register", "listing", "order"}
    assert [ack.sequence for ack in acks] == sorted({ack.sequence for ack in acks})


def test_a_healthy_stack_has_lost_nothing(journey: MarketplaceJourney) -> None:
    acks = _acks(journey, 60)  # more than a round: accounts change on the way

    losses = journey.verify(acks)

    assert not losses, str(losses)
    assert len({ack.key for ack in acks if ack.kind == "register"}) == 4


def test_a_lost_order_is_found(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    victim = _first(acks, "order")
    tamper("DELETE FROM orders WHERE id = ?", victim.key)

    losses = journey.verify(acks)

    assert (losses.lost, losses.duplicated, losses.wrong) == ((victim,), (), ())
    assert victim.key in str(losses)


def test_a_lost_listing_is_found(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    victim = _first(acks, "listing")
    tamper("DELETE FROM listings WHERE id = ?", victim.key)

    assert journey.verify(acks).lost == (victim,)


def test_a_lost_account_is_found_with_all_that_was_its_own(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    buyer = [ack for ack in acks if ack.kind == "register"][1]
    tamper("DELETE FROM sessions WHERE account_id = ?", buyer.key)
    tamper("DELETE FROM accounts WHERE id = ?", buyer.key)

    lost = journey.verify(acks).lost

    assert set(lost) == {buyer, *(ack for ack in acks if ack.kind == "order")}


def test_a_changed_order_is_wrong_and_the_reason_says_how(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    victim = _first(acks, "order")
    tamper("UPDATE orders SET note = 'elsewhere' WHERE id = ?", victim.key)

    (wrong,) = journey.verify(acks).wrong

    assert (wrong.ack, "'elsewhere'" in wrong.reason) == (victim, True)


def test_an_order_that_moved_on_is_not_wrong(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    tamper("UPDATE orders SET state = 'funded' WHERE id = ?", _first(acks, "order").key)

    assert not journey.verify(acks)


def test_a_listing_made_twice_is_duplicated(journey: MarketplaceJourney, tamper: Tamper) -> None:
    acks = _acks(journey)
    victim = _first(acks, "listing")
    tamper("INSERT INTO writes (kind, subject, at) VALUES ('listing', 'copy', 0)")
    tamper(
        "INSERT INTO listings SELECT (SELECT max(sequence) FROM writes), 'copy-' || id, vendor_id, title, description,"
        " price_piconero, created_at FROM listings WHERE id = ?",
        victim.key,
    )

    assert journey.verify(acks).duplicated == (victim,)


def test_an_order_placed_twice_is_duplicated(journey: MarketplaceJourney, monkeypatch: pytest.MonkeyPatch) -> None:
    acks = _acks(journey)
    victim = _first(acks, "order")
    honest = Market.purchases

    def twice(market: Market, token: str) -> Iterator[Order]:
        # The database forbids it by a constraint, so a server without that constraint is played here.
        for order in honest(market, token):
            yield order
            if order.id == victim.key:
                yield replace(order, id="another", sequence=10**9)

    monkeypatch.setattr(Market, "purchases", twice)

    assert journey.verify(acks).duplicated == (victim,)


def test_a_number_handed_out_twice_is_duplicated(journey: MarketplaceJourney) -> None:
    acks = _acks(journey)
    orders = [ack for ack in acks if ack.kind == "order"]
    forged = [*acks[:-1], replace(orders[-1], sequence=orders[0].sequence)]

    assert {ack.key for ack in journey.verify(forged).duplicated} >= {orders[0].key, orders[-1].key}


def test_a_restored_copy_has_lost_what_came_after_it(
    journey: MarketplaceJourney, tamper: Tamper, tmp_path: Path
) -> None:
    before = _acks(journey, 8)
    tamper("VACUUM INTO ?", str(tmp_path / "market.db"))
    after = _acks(journey, 6)

    with running(tmp_path, "restored") as (restored,):
        losses = journey.against(restored.url).verify(before + after)

    assert losses.lost == tuple(after)
    assert not losses.wrong
    assert not journey.verify(before + after)


def test_an_unanswered_order_is_retried_once_under_its_key(
    journey: MarketplaceJourney, monkeypatch: pytest.MonkeyPatch
) -> None:
    _acks(journey, 3)
    honest, keys = Market.order, []

    def answer_lost_once(market: Market, token: str, listing_id: str, *, key: str, note: str = "") -> Order:
        order = honest(market, token, listing_id, key=key, note=note)
        keys.append(key)
        if len(keys) == 1:
            raise Unanswered("the answer was lost on the way")
        return order

    monkeypatch.setattr(Market, "order", answer_lost_once)
    ack = journey.act()
    monkeypatch.undo()

    assert keys[0] == keys[1]
    assert not journey.verify([ack])


def test_an_ack_of_another_journey_cannot_be_judged(journey: MarketplaceJourney) -> None:
    with pytest.raises(CannotTell, match="not written by this journey"):
        journey.verify([Ack(1, "order", 0.0, "unknown")])


def test_nobody_to_ask_is_no_loss(journey: MarketplaceJourney) -> None:
    acks = _acks(journey)

    with pytest.raises(CannotTell):
        journey.against("http://127.0.0.1:9").verify(acks)


def test_a_refusal_says_status_code_and_reason(blue: Colour) -> None:
    with pytest.raises(Refused, match=r"401 \(wrong_credentials\)") as refused:
        Market(blue.url).login("nobody", "nothing")

    assert refused.value.status == 401
