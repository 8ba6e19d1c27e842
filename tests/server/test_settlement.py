"""Who may say what about an order, and when; asked over HTTP, with the escrow's money as the database has it."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from marketplace_server import arbiters, orders
from marketplace_server.connection import Connection
from marketplace_server.errors import KeyReused
from marketplace_server.escrow import records
from marketplace_server.transitions import move
from starlette.testclient import TestClient

from tests.server.conftest import Person, listing, person
from tests.server.test_escrow_rules import SUBADDRESS

SHIP = {"payout_address": SUBADDRESS}
_BODIES: dict[str, dict[str, str]] = {"ship": SHIP, "resolve": {"outcome": "refund"}}


def _write(client: TestClient, work: Callable[[Connection], Any]) -> Any:
    database = client.app.state.context.database  # type: ignore[attr-defined]
    assert client.portal is not None
    return client.portal.call(database.write, work)


@pytest.fixture
def arbiter(client: TestClient) -> Person:
    somebody = person(client)
    assert _write(client, lambda c: arbiters.appoint(c, somebody.id))
    return somebody


@pytest.fixture
def order_id(client: TestClient, vendor: Person, buyer: Person) -> str:
    """An order whose deposit was credited."""
    item = listing(client, vendor, price_piconero=50 * 10**9)

    def pay(connection: Connection) -> str:
        asked = orders.Request(
            buyer_id=buyer.id, listing_id=str(item["id"]), key=str(item["id"]), note="", refund_address=SUBADDRESS
        )
        made = str(orders.place(connection, asked, wallets_answer=True).order["id"])
        minor = records.highest_minor(connection) + 1
        records.assign(connection, made, minor, f"address {minor}")
        records.credit(connection, made, records.Deposit(minor, made, 50 * 10**9, 1))
        move(connection, made, "funded", expected=frozenset({"created"}))
        return made

    return str(_write(client, pay))


def _unpaid(client: TestClient, vendor: Person, buyer: Person) -> str:
    """Place an order with an escrow into which nothing was paid."""
    item = str(listing(client, vendor, price_piconero=50 * 10**9)["id"])
    asked = orders.Request(buyer_id=buyer.id, listing_id=item, key=item, note="", refund_address=SUBADDRESS)
    return str(_write(client, lambda c: orders.place(c, asked, wallets_answer=True)).order["id"])


def _say(client: TestClient, who: Person, order_id: str, verb: str) -> tuple[int, str]:
    answer = client.post(f"/api/orders/{order_id}/{verb}", json=_BODIES.get(verb, {}), headers=who.headers)
    said = answer.json()
    return answer.status_code, said.get("state") or said["error"]["code"]


def test_ship_and_release_leave_the_rest_to_the_chain(
    client: TestClient, vendor: Person, buyer: Person, order_id: str
) -> None:
    assert _say(client, vendor, order_id, "ship") == (200, "shipped")
    assert _say(client, buyer, order_id, "release") == (202, "shipped")

    seen = client.get(f"/api/orders/{order_id}", headers=vendor.headers).json()

    assert seen["escrow"]["payouts"] == [{"kind": "release", "txid": None}]
    assert seen["escrow"]["received_piconero"] == 50 * 10**9


def test_each_is_said_once(client: TestClient, vendor: Person, buyer: Person, order_id: str) -> None:
    _say(client, vendor, order_id, "ship")
    assert _say(client, vendor, order_id, "ship") == (409, "wrong_state")
    _say(client, buyer, order_id, "release")
    assert _say(client, buyer, order_id, "release") == (409, "wrong_state")
    assert _say(client, buyer, order_id, "dispute") == (409, "wrong_state")


@pytest.mark.parametrize("verb", ["ship", "release", "dispute", "refund", "resolve"])
def test_nothing_is_released_or_moved_on_before_funding(
    client: TestClient, vendor: Person, buyer: Person, arbiter: Person, verb: str
) -> None:
    order_id = _unpaid(client, vendor, buyer)
    who = {"ship": vendor, "refund": vendor, "resolve": arbiter}.get(verb, buyer)

    assert _say(client, who, order_id, verb) == (409, "wrong_state")
    assert client.get(f"/api/orders/{order_id}", headers=buyer.headers).json()["escrow"]["payouts"] == []


@pytest.mark.parametrize("verb", ["release", "refund", "resolve"])
def test_nothing_is_decided_before_shipping(
    client: TestClient, vendor: Person, buyer: Person, arbiter: Person, order_id: str, verb: str
) -> None:
    who = {"refund": vendor, "resolve": arbiter}.get(verb, buyer)

    assert _say(client, who, order_id, verb) == (409, "wrong_state")


def test_a_vendor_who_never_ships_does_not_keep_the_money(
    client: TestClient, vendor: Person, buyer: Person, arbiter: Person, order_id: str
) -> None:
    assert _say(client, buyer, order_id, "dispute") == (200, "disputed")
    assert _say(client, vendor, order_id, "ship") == (409, "wrong_state")
    assert _say(client, buyer, order_id, "release") == (409, "wrong_state")  # there is no address to pay at
    assert _say(client, arbiter, order_id, "resolve") == (202, "disputed")


def test_a_buyer_who_never_paid_the_rest_gets_back_what_they_paid(
    client: TestClient, vendor: Person, buyer: Person
) -> None:
    made = _unpaid(client, vendor, buyer)

    def pay_less(connection: Connection) -> None:
        minor = records.highest_minor(connection) + 1
        records.assign(connection, made, minor, f"address {minor}")
        records.credit(connection, made, records.Deposit(minor, made, 10**10, 1))

    assert _say(client, buyer, made, "dispute") == (409, "wrong_state")  # nothing to argue about yet
    _write(client, pay_less)

    assert _say(client, buyer, made, "dispute") == (200, "disputed")
    assert _say(client, vendor, made, "refund") == (202, "disputed")


def test_of_two_releases_at_the_same_moment_one_decides(
    client: TestClient, vendor: Person, buyer: Person, order_id: str
) -> None:
    _say(client, vendor, order_id, "ship")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _say(client, buyer, order_id, "release"), range(8)))

    assert sorted(answers) == [(202, "shipped"), *[(409, "wrong_state")] * 7]
    seen = client.get(f"/api/orders/{order_id}", headers=buyer.headers).json()
    assert seen["escrow"]["payouts"] == [{"kind": "release", "txid": None}]


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("ship", "buyer"),
        ("ship", "arbiter"),
        ("release", "vendor"),
        ("release", "arbiter"),
        ("refund", "buyer"),
        ("resolve", "buyer"),
        ("resolve", "vendor"),
        ("dispute", "arbiter"),
    ],
)
def test_it_is_for_one_party_to_say(
    client: TestClient, vendor: Person, buyer: Person, arbiter: Person, order_id: str, verb: str, wrong: str
) -> None:
    who = {"buyer": buyer, "vendor": vendor, "arbiter": arbiter}[wrong]

    assert _say(client, who, order_id, verb) == (403, "forbidden")


@pytest.mark.parametrize("verb", ["ship", "release", "dispute", "resolve", "refund"])
def test_to_others_there_is_no_such_order(client: TestClient, order_id: str, verb: str) -> None:
    assert _say(client, person(client), order_id, verb) == (404, "not_found")
    path = f"/api/orders/{order_id}/{verb}"
    assert client.post(path, headers=person(client).headers).status_code == 404  # whatever they send, also nothing
    assert client.post(path, content=b"{", headers=person(client).headers).status_code == 404
    assert client.post(path).status_code == client.post(path, json=_BODIES.get(verb, {})).status_code == 401


def test_a_dispute_is_the_arbiter_s_to_read_and_resolve(
    client: TestClient, vendor: Person, buyer: Person, arbiter: Person, order_id: str
) -> None:
    _say(client, vendor, order_id, "ship")
    assert client.get(f"/api/orders/{order_id}", headers=arbiter.headers).status_code == 404
    assert _say(client, buyer, order_id, "dispute") == (200, "disputed")

    assert client.get(f"/api/orders/{order_id}", headers=arbiter.headers).status_code == 200
    assert _say(client, arbiter, order_id, "resolve") == (202, "disputed")
    assert _say(client, vendor, order_id, "refund") == (409, "wrong_state")


def test_an_arbiter_does_not_decide_in_their_own_case(
    client: TestClient, vendor: Person, buyer: Person, order_id: str
) -> None:
    _write(client, lambda c: arbiters.appoint(c, vendor.id))
    _say(client, vendor, order_id, "ship")
    _say(client, buyer, order_id, "dispute")

    assert _say(client, vendor, order_id, "resolve") == (403, "forbidden")
    _write(client, lambda c: c.execute("DELETE FROM arbiters WHERE account_id = ?", (vendor.id,)))


def test_where_to_return_the_money_is_part_of_what_was_asked_under_a_key(
    client: TestClient, vendor: Person, buyer: Person
) -> None:
    item = listing(client, vendor, price_piconero=50 * 10**9)
    asked: list[dict[str, str]] = [
        {"note": "hi"},
        {"note": "hi", "refund_address": SUBADDRESS},
        {"note": f"hi\n{SUBADDRESS}"},
    ]

    def place(key: str, wanted: dict[str, str]) -> bool:
        request = orders.Request(buyer_id=buyer.id, listing_id=str(item["id"]), key=key, **{"note": "", **wanted})
        return bool(_write(client, lambda c: orders.place(c, request, wallets_answer=True)).is_new)

    for first, other in itertools.permutations(asked, 2):
        key = f"{item['id']} {first} {other}"
        assert (place(key, first), place(key, first)) == (True, False)
        with pytest.raises(KeyReused):
            place(key, other)


def test_an_order_without_an_escrow_is_not_settled(client: TestClient, vendor: Person, buyer: Person) -> None:
    item = listing(client, vendor)
    headers = {**buyer.headers, "Idempotency-Key": str(item["id"])}
    made = client.post(f"/api/listings/{item['id']}/order", headers=headers).json()

    assert _say(client, vendor, made["id"], "ship") == (409, "no_escrow")


@pytest.mark.parametrize("address", ["", "x", SUBADDRESS[:-1] + "k", SUBADDRESS + "1"])
def test_an_address_with_a_mistake_is_refused(client: TestClient, vendor: Person, order_id: str, address: str) -> None:
    answer = client.post(f"/api/orders/{order_id}/ship", json={"payout_address": address}, headers=vendor.headers)

    assert answer.status_code == 422


def test_without_wallets_to_hold_it_no_escrow_is_made(client: TestClient, vendor: Person, buyer: Person) -> None:
    item = listing(client, vendor)
    headers = {**buyer.headers, "Idempotency-Key": str(item["id"])}

    answer = client.post(f"/api/listings/{item['id']}/order", json={"refund_address": SUBADDRESS}, headers=headers)

    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
