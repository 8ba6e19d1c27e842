"""Whatever is sent, the server answers with sense: no 5xx, one error shape, and it still works afterwards."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.server.conftest import Person, listing

_SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_FIELDS = st.sampled_from(["username", "password", "title", "description", "price_piconero", "note"])
_PATHS = st.sampled_from(["/api/register", "/api/login", "/api/logout", "/api/listings", "/api/listings/x/order"])
# What HTTP can carry in a header: visible characters, spaces inside, and the upper half of Latin-1.
_HEADER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40).map(
    lambda text: text.strip().encode("latin-1")
)


def _is_sensible(answer: Any) -> bool:
    if answer.status_code < 400:
        return True
    error = answer.json()["error"]
    return answer.status_code < 500 and bool(error["code"]) and bool(error["message"])


@_SETTINGS
@given(path=_PATHS, body=st.dictionaries(_FIELDS, _JSON, max_size=4) | _JSON)
def test_any_json_is_answered_with_sense(client: TestClient, vendor: Person, path: str, body: Any) -> None:
    headers = {**vendor.headers, "Content-Type": "application/json", "Idempotency-Key": "fuzz"}
    if path in {"/api/login", "/api/logout"}:
        del headers["Authorization"]  # it would end the session that the other requests need

    answer = client.post(path, content=json.dumps(body).encode(), headers=headers)
    client.cookies.clear()

    assert _is_sensible(answer), answer.text


@_SETTINGS
@given(path=_PATHS, body=st.binary(max_size=200))
def test_any_bytes_are_answered_with_sense(client: TestClient, path: str, body: bytes) -> None:
    assert _is_sensible(client.post(path, content=body, headers={"Content-Type": "application/json"}))


@_SETTINGS
@given(q=st.text(max_size=220), vendor=st.text(max_size=70), page=st.integers() | st.text(max_size=5))
def test_any_query_is_answered_with_sense(client: TestClient, q: str, vendor: str, page: object) -> None:
    clean = {name: str(value).encode("utf-8", "replace").decode() for name, value in (("q", q), ("vendor", vendor))}

    assert _is_sensible(client.get("/api/listings", params={**clean, "page": str(page).encode("utf-8", "replace")}))


@_SETTINGS
@given(name=st.sampled_from(["authorization", "cookie", "origin", "x-request-id", "idempotency-key"]), value=_HEADER)
def test_any_header_is_answered_with_sense(client: TestClient, name: str, value: bytes) -> None:
    answer = client.post("/api/listings/x/order", headers={name.encode(): value})

    assert _is_sensible(answer), answer.text


def test_it_still_works_afterwards(client: TestClient, vendor: Person) -> None:
    made = listing(client, vendor, title="After the storm")

    assert client.get(f"/api/listings/{made['id']}").json() == made
