"""What nobody should send and everybody will: each is refused with a 4xx in the one error shape."""

import json

import pytest
from starlette.testclient import TestClient

from tests.server.conftest import PASSWORD, Person, listing

_GOOD = {"title": "Log line", "description": "", "price_piconero": 1}


def _is_error(answer: object, status: int) -> bool:
    body = answer.json()  # type: ignore[attr-defined]
    return (
        answer.status_code == status  # type: ignore[attr-defined]
        and set(body) == {"error"}
        and {"code", "message", "request_id"} <= set(body["error"])
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"title"', b"\xff\xfe", b"[" * 5000, b'{"title": "\\ud800"}', b"null garbage"]
)
def test_malformed_json_is_a_400(client: TestClient, vendor: Person, body: bytes) -> None:
    headers = {**vendor.headers, "Content-Type": "application/json"}

    assert _is_error(client.post("/api/listings", content=body, headers=headers), 400)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true", b"{}"])
def test_json_that_is_no_listing_is_a_422(client: TestClient, vendor: Person, body: bytes) -> None:
    headers = {**vendor.headers, "Content-Type": "application/json"}

    assert _is_error(client.post("/api/listings", content=body, headers=headers), 422)


@pytest.mark.parametrize("price", [0, -1, 2**53, 2**63, 2**64, 10**40, 1.5, 1.0, "1", True, None, [1], {"piconero": 1}])
def test_an_amount_that_is_no_positive_representable_integer_is_a_422(
    client: TestClient, vendor: Person, price: object
) -> None:
    answer = client.post("/api/listings", json={**_GOOD, "price_piconero": price}, headers=vendor.headers)

    assert _is_error(answer, 422)
    assert answer.json()["error"]["fields"][0]["field"] == "price_piconero"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e3"])
def test_an_amount_written_as_a_strange_number_is_refused(client: TestClient, vendor: Person, number: str) -> None:
    body = json.dumps(_GOOD).replace('"price_piconero": 1', f'"price_piconero": {number}')

    answer = client.post("/api/listings", content=body, headers={**vendor.headers, "Content-Type": "application/json"})

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "  "},
        {"title": "two\nlines"},
        {"title": "nul\0"},
        {"title": "x" * 201},
        {"description": "x" * 5001},
        {"description": "\x1b[31m"},
        {"title": 7},
        {"extra": 1},
        {"vendor_id": "somebody else"},
    ],
)
def test_a_field_that_breaks_its_rule_is_a_422(client: TestClient, vendor: Person, change: dict[str, object]) -> None:
    assert _is_error(client.post("/api/listings", json={**_GOOD, **change}, headers=vendor.headers), 422)


@pytest.mark.parametrize("username", ["ab", "x" * 65, "spa ce", "-dash", "quo'te", "uml\u00e4ut", "new\nline", ""])
def test_a_bad_username_is_a_422(client: TestClient, username: str) -> None:
    assert _is_error(client.post("/api/register", json={"username": username, "password": PASSWORD}), 422)


def test_what_was_sent_is_not_sent_back(client: TestClient) -> None:
    answer = client.post("/api/register", json={"username": "carol", "password": "hunter2"})

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


def test_a_body_of_another_type_is_a_415(client: TestClient) -> None:
    body = json.dumps({"username": "carol", "password": PASSWORD})

    answer = client.post("/api/register", content=body, headers={"Content-Type": "text/plain"})

    assert _is_error(answer, 415)


def test_an_oversize_body_is_a_413_whether_announced_or_not(client: TestClient, vendor: Person) -> None:
    big = json.dumps({**_GOOD, "description": "x" * 70_000}).encode()
    headers = {**vendor.headers, "Content-Type": "application/json"}

    announced = client.post("/api/listings", content=big, headers=headers)
    chunked = client.post("/api/listings", content=iter([big[:40_000], big[40_000:]]), headers=headers)

    assert _is_error(announced, 413)
    assert _is_error(chunked, 413)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "\u00b2"])
def test_an_odd_content_length_is_refused(client: TestClient, length: str) -> None:
    answer = client.post("/api/logout", headers={b"Content-Length": length.encode("latin-1")})

    assert _is_error(answer, 400)


@pytest.mark.parametrize(
    "path", ["/api/listings/unknown", "/api/listings/'%20OR%201=1--", "/api/listings/%00", "/nope"]
)
def test_an_unknown_address_is_a_404(client: TestClient, path: str) -> None:
    assert _is_error(client.get(path), 404)


def test_the_wrong_method_is_a_405_that_names_the_right_ones(client: TestClient) -> None:
    answer = client.delete("/api/listings")

    assert _is_error(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "per_page=101", "per_page=-1", "page=1e9", "sort=price", "q=%00"]
)
def test_a_bad_query_is_a_422(client: TestClient, query: str) -> None:
    assert _is_error(client.get(f"/api/listings?{query}"), 422)


@pytest.mark.parametrize(
    "q", ["'; DROP TABLE listings;--", '" OR title:*', "NEAR(a b)", "a*b", "^x", "{}", "-", "%", "\\", "AND", "\u2603"]
)
def test_a_search_is_data_and_never_a_query_language(client: TestClient, vendor: Person, q: str) -> None:
    listing(client, vendor)

    answer = client.get("/api/listings", params={"q": q})

    assert answer.status_code == 200
    assert isinstance(answer.json()["items"], list)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
def test_writing_without_a_session_is_a_401(client: TestClient, headers: dict[str, str]) -> None:
    assert _is_error(client.post("/api/listings", json=_GOOD, headers=headers), 401)
    assert _is_error(client.get("/api/orders", headers=headers), 401)
