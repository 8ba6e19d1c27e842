"""Orders: once under each key, with two parties, and nobody else's business."""

import itertools

import pytest
from starlette.testclient import TestClient

from tests.server.conftest import Person, listing, person

_keys = (f"key-{number}" for number in itertools.count())


def _order(client: TestClient, who: Person, listing_id: object, key: str | None = None, **body: object) -> object:
    headers = {**who.headers, "Idempotency-Key": key or next(_keys)}
    return client.post(f"/api/listings/{listing_id}/order", json=body, headers=headers)


def test_an_order_is_acknowledged_as_created_with_a_growing_sequence(
    client: TestClient, vendor: Person, buyer: Person
) -> None:
    item = listing(client, vendor)

    first, second = (_order(client, buyer, item["id"]) for _ in range(2))

    assert (first.status_code, first.json()["state"]) == (201, "created")  # type: ignore[attr-defined]
    assert item["sequence"] < first.json()["sequence"] < second.json()["sequence"]  # type: ignore[attr-defined]
    assert first.json()["price_piconero"] == item["price_piconero"]  # type: ignore[attr-defined]


def test_an_order_without_a_body_is_taken(client: TestClient, vendor: Person, buyer: Person) -> None:
    item = listing(client, vendor)

    answer = client.post(f"/api/listings/{item['id']}/order", headers={**buyer.headers, "Idempotency-Key": next(_keys)})

    assert answer.status_code == 201


def test_the_same_request_under_its_key_again_is_the_same_order(
    client: TestClient, vendor: Person, buyer: Person
) -> None:
    item, key = listing(client, vendor), next(_keys)
    first = _order(client, buyer, item["id"], key, note="blue")

    again = _order(client, buyer, item["id"], key, note="blue")

    assert again.status_code == 200  # type: ignore[attr-defined]
    assert again.json() == first.json()  # type: ignore[attr-defined]


@pytest.mark.parametrize("change", ["note", "listing"])
def test_another_request_under_a_used_key_is_a_conflict(
    client: TestClient, vendor: Person, buyer: Person, change: str
) -> None:
    item, key = listing(client, vendor), next(_keys)
    _order(client, buyer, item["id"], key)

    if change == "note":
        answer = _order(client, buyer, item["id"], key, note="other")
    else:
        answer = _order(client, buyer, listing(client, vendor)["id"], key)

    assert answer.status_code == 409  # type: ignore[attr-defined]


def test_a_key_is_its_buyer_s_own(client: TestClient, vendor: Person, buyer: Person) -> None:
    item, key = listing(client, vendor), next(_keys)
    first = _order(client, buyer, item["id"], key).json()  # type: ignore[attr-defined]

    others = _order(client, person(client), item["id"], key)

    assert others.status_code == 201  # type: ignore[attr-defined]
    assert others.json()["id"] != first["id"]  # type: ignore[attr-defined]


def test_someone_else_s_order_looks_like_none(client: TestClient, vendor: Person, buyer: Person) -> None:
    order = _order(client, buyer, listing(client, vendor)["id"]).json()  # type: ignore[attr-defined]
    stranger = person(client)

    theirs = client.get(f"/api/orders/{order['id']}", headers=stranger.headers)
    nothing = client.get("/api/orders/000000000000000000000000", headers=stranger.headers)

    assert theirs.status_code == nothing.status_code == 404
    assert theirs.json()["error"]["message"] == nothing.json()["error"]["message"]


def test_both_parties_read_an_order_and_only_the_buyer_its_key(
    client: TestClient, vendor: Person, buyer: Person
) -> None:
    order = _order(client, buyer, listing(client, vendor)["id"]).json()  # type: ignore[attr-defined]

    by_buyer = client.get(f"/api/orders/{order['id']}", headers=buyer.headers).json()
    by_vendor = client.get(f"/api/orders/{order['id']}", headers=vendor.headers).json()

    assert by_buyer == order
    assert "idempotency_key" not in by_vendor


def test_one_s_own_listing_cannot_be_ordered(client: TestClient, vendor: Person) -> None:
    assert _order(client, vendor, listing(client, vendor)["id"]).status_code == 409  # type: ignore[attr-defined]


def test_an_unknown_listing_is_a_404_and_leaves_the_key_free(client: TestClient, vendor: Person, buyer: Person) -> None:
    key = next(_keys)
    assert _order(client, buyer, "unknown", key).status_code == 404  # type: ignore[attr-defined]

    assert _order(client, buyer, listing(client, vendor)["id"], key).status_code == 201  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "status"), [(None, 400), ("", 422), ("x" * 129, 422), ("a b", 422)])
def test_a_missing_or_odd_key_is_refused(
    client: TestClient, vendor: Person, buyer: Person, key: str | None, status: int
) -> None:
    headers = buyer.headers if key is None else {**buyer.headers, "Idempotency-Key": key}

    answer = client.post(f"/api/listings/{listing(client, vendor)['id']}/order", json={}, headers=headers)

    assert answer.status_code == status


def test_pages_hold_every_order_once(client: TestClient, vendor: Person) -> None:
    somebody, item = person(client), listing(client, vendor)
    made = [_order(client, somebody, item["id"]).json()["id"] for _ in range(5)]  # type: ignore[attr-defined]

    pages = [client.get(f"/api/orders?page={n}&per_page=2", headers=somebody.headers).json() for n in (1, 2, 3)]

    assert [order["id"] for page in pages for order in page["items"]] == made
    assert [page["next_page"] for page in pages] == [2, 3, None]


def test_search_finds_by_every_word_and_the_beginning_of_the_last(client: TestClient, vendor: Person) -> None:
    found = listing(client, vendor, title="Quadrant of pearwood", description="\u00c9bony inlay")
    listing(client, vendor, title="Quadrant of brass")

    for q in ("quadrant pear", "PEARWOOD", "ebony quad"):
        assert [item["id"] for item in client.get("/api/listings", params={"q": q}).json()["items"]] == [found["id"]]
