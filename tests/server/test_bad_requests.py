"""Each thing that an honest client never sends, to a real server process: the status and one sentence, and the server goes on."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import time
from collections.abc import Iterator

import pytest

from stack.clients.market import Market
from tests.server.process import Colour, running

_FAST = {"SEATRIAL_BODY_SECONDS": "1"}
_BIG = b'{"title": "x", "description": "' + b"y" * 70_000 + b'", "price_piconero": 1}'


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colour]:
    with running(tmp_path_factory.mktemp("bad"), "blue", settings=_FAST) as (colour,):
        yield colour


class _People:
    """A vendor with a listing, a buyer with an order of it, and a stranger."""

    def __init__(self, market: Market) -> None:
        def session() -> str:
            made = market.register(f"bad-{secrets.token_hex(6)}", "a password")
            return market.login(made.username, made.password).token

        self.vendor, self.buyer, self.stranger = session(), session(), session()
        self.listing = market.list_for_sale(self.vendor, title="Sextant", description="", price_piconero=10**12).id
        self.order = market.order(self.buyer, self.listing, key="first", note="blue").id


@pytest.fixture(scope="module")
def people(blue: Colour) -> _People:
    market = Market(blue.url)
    made = _People(market)
    market.close()
    return made


def _ask(
    blue: Colour,
    method: str,
    path: str,
    body: bytes = b"",
    token: str = "",
    key: str = "",
) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", blue.port, timeout=10)
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Idempotency-Key": key} if key else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said.get("error", said)


def _is_one_sentence(message: str) -> bool:
    return message.endswith(".") and message.count(". ") == 0 and "\n" not in message and len(message) < 120


def _listing(**changes: str) -> bytes:
    """A listing's JSON, its values as they stand."""
    fields = {"title": '"Sextant"', "description": '""', "price_piconero": "1", **changes}
    return "{{{}}}".format(", ".join(f'"{name}": {value}' for name, value in fields.items())).encode()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_request"),
        (b'{"title": ', 400, "malformed_request"),
        (b'{"title": "x",}', 400, "malformed_request"),
        (_listing() + b"{}", 400, "malformed_request"),
        (_listing(title='"\xff"').replace(b"\xc3\xbf", b"\xff"), 400, "malformed_request"),
        (_listing(title='"\\ud800"'), 400, "malformed_request"),
        (_listing().decode().encode("utf-16"), 400, "malformed_request"),
        (b"[" * 60_000, 400, "malformed_request"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "malformed_request"),
        (_listing()[:-1] + b', "price_piconero": 2}', 400, "malformed_request"),
        (_listing(price_piconero="NaN"), 422, "invalid_input"),
        (_listing(title='"nul\\u0000"'), 422, "invalid_input"),
        (_listing(title="7"), 422, "invalid_input"),
        (_listing(title="null"), 422, "invalid_input"),
        (_listing(title='["x"]'), 422, "invalid_input"),
        (_listing(price_piconero='"1"'), 422, "invalid_input"),
        (_listing(price_piconero="true"), 422, "invalid_input"),
        (_listing(price_piconero="-1"), 422, "invalid_input"),
        (_listing(price_piconero="0"), 422, "invalid_input"),
        (_listing(price_piconero=str(2**53)), 422, "invalid_input"),
        (_listing(price_piconero=str(2**64)), 422, "invalid_input"),
        (_listing(price_piconero="9" * 5000), 400, "malformed_request"),
        (_listing(price_piconero="1e30"), 422, "invalid_input"),
        (_listing(seller='"me"'), 422, "invalid_input"),
        (b"null", 422, "invalid_input"),
        (_BIG, 413, "payload_too_large"),
    ],
    ids=lambda value: f"{value[:24]!r}" if isinstance(value, bytes) else str(value),
)
def test_a_body_that_is_no_listing(blue: Colour, people: _People, body: bytes, status: int, code: str) -> None:
    answered, error = _ask(blue, "POST", "/api/listings", body, people.vendor)

    assert (answered, error["code"]) == (status, code), error
    assert _is_one_sentence(error["message"])


@pytest.mark.parametrize("path", ["/api/listings/unknown", "/api/orders/unknown", "/api/orders/%00", "/api/nothing"])
def test_an_id_that_is_none(blue: Colour, people: _People, path: str) -> None:
    status, error = _ask(blue, "GET", path, token=people.buyer)

    assert (status, error["code"]) == (404, "not_found")
    assert _is_one_sentence(error["message"])


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("ship", b'{"payout_address": "x"}'),
        ("release", b""),
        ("dispute", b""),
        ("refund", b""),
        ("resolve", b'{"outcome": "release"}'),
    ],
)
def test_someone_else_s_order_is_none(blue: Colour, people: _People, act: str, body: bytes) -> None:
    theirs = _ask(blue, "POST", f"/api/orders/{people.order}/{act}", body, people.stranger)
    nobody_s = _ask(blue, "POST", f"/api/orders/unknown/{act}", body, people.stranger)

    assert theirs[0] == nobody_s[0] == 404
    assert theirs[1]["message"] == nobody_s[1]["message"]
    assert _is_one_sentence(theirs[1]["message"])


def test_a_replay_is_the_same_order_and_another_body_under_its_key_is_none(blue: Colour, people: _People) -> None:
    path = f"/api/listings/{people.listing}/order"

    same = _ask(blue, "POST", path, b'{"note": "blue"}', people.buyer, key="first")
    other = _ask(blue, "POST", path, b'{"note": "green"}', people.buyer, key="first")
    keyless = _ask(blue, "POST", path, b"{}", people.buyer)
    odd = _ask(blue, "POST", path, b"{}", people.buyer, key="a b")

    assert (same[0], same[1]["id"]) == (200, people.order)
    assert (other[0], other[1]["code"]) == (409, "idempotency_key_reused")
    assert (keyless[0], keyless[1]["code"]) == (400, "malformed_request")
    assert (odd[0], odd[1]["code"]) == (422, "invalid_input")
    assert all(_is_one_sentence(told[1]["message"]) for told in (other, keyless, odd))


def test_a_body_that_drips_is_not_listened_to_for_ever(blue: Colour, people: _People) -> None:
    head = f"POST /api/listings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {people.vendor}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", blue.port), timeout=0.1) as connection:
        connection.sendall(head.encode())
        said = b""
        while not said and time.monotonic() < began + 20:  # a byte now and then: no pause of it is long
            connection.sendall(b"x")
            try:
                said = connection.recv(4000)
            except TimeoutError:
                continue

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said.lower()
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /api/listings HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /api/listings HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
    ],
    ids=["garbage", "negative length", "bad chunk", "huge header", "TLS", "half a body"],
)
def test_what_is_no_request_at_all_harms_nobody(blue: Colour, bytes_sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", blue.port), timeout=10) as connection:
        connection.sendall(bytes_sent)
        connection.shutdown(socket.SHUT_WR)
        said = connection.makefile("rb").read()

    assert not said.startswith(b"HTTP/1.1 5"), said
    assert _ask(blue, "GET", "/api/listings")[0] == 200
