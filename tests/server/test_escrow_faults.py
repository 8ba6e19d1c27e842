"""A real server whose wallets misbehave, or whose key is wrong: what a user sees meanwhile, and the money afterwards."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from marketplace_server import books
from marketplace_server.connection import open_connection

from stack.money import Books, in_the_books
from stack.waiting import eventually, pause
from tests.server.conftest import PASSWORD
from tests.server.faulty_wallets import NAMES, Fault, FaultyWallets, faulty_wallets
from tests.server.process import KEY, Colour, running
from tests.server.test_escrow_rules import SUBADDRESS


@dataclass
class Shop:
    """A running server with somebody who sells and somebody who buys."""

    server: Colour
    wallets: FaultyWallets
    buyer: str
    listing: str

    def order(self, key: str = "") -> requests.Response:
        """Order with an escrow."""
        headers = {"Authorization": f"Bearer {self.buyer}", "Idempotency-Key": key or secrets.token_hex(8)}
        body = {"refund_address": SUBADDRESS}
        return requests.post(
            f"{self.server.url}/api/listings/{self.listing}/order", json=body, headers=headers, timeout=10
        )

    def address(self, order_id: str) -> str | None:
        """Where its deposit goes, once that is known."""
        headers = {"Authorization": f"Bearer {self.buyer}"}
        said = requests.get(f"{self.server.url}/api/orders/{order_id}", headers=headers, timeout=10).json()
        found: str | None = said["escrow"]["deposit_address"]
        return found

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What the operators see."""
        answer = requests.get(f"{self.server.url}/ready", timeout=10)
        return answer.status_code, answer.json()

    def failures(self, step: str = "") -> float:
        """How many steps of the worker have failed, or how often one has."""
        lines = requests.get(f"{self.server.url}/metrics", timeout=10).text.splitlines()
        return sum(
            float(line.split()[1]) for line in lines if line.startswith(f'escrow_step_failures_total{{step="{step}')
        )

    def books(self) -> Books:
        """Its books, read beside it."""
        connection = open_connection(self.server.folder / "market.db", KEY, busy_timeout_seconds=5, writes=False)
        try:
            said = books.read(connection)
        finally:
            connection.close()
        return Books(said["ledger"], said["unbalanced"], tuple(said["orders"]))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    login = tmp_path / "login"
    login.write_text("secret")
    logins = {f"WALLET_{name.upper()}_RPC_PASSWORD_FILE": str(login) for name in NAMES if name != "daemon"}
    with (
        faulty_wallets() as (wallets, named),
        running(tmp_path, "blue", settings={"SEATRIAL_WALLETS": named, **logins}) as (blue,),
    ):
        tokens = {}
        for who in ("vendor", "buyer"):
            account = {"username": f"{who}-{secrets.token_hex(4)}", "password": PASSWORD}
            requests.post(f"{blue.url}/api/register", json=account, timeout=10).raise_for_status()
            tokens[who] = requests.post(f"{blue.url}/api/login", json=account, timeout=10).json()["token"]
        item = {"title": "Sextant", "description": "", "price_piconero": 50 * 10**9}
        headers = {"Authorization": f"Bearer {tokens['vendor']}"}
        made = requests.post(f"{blue.url}/api/listings", json=item, headers=headers, timeout=10)
        yield Shop(blue, wallets, tokens["buyer"], made.json()["id"])


def _given_an_address(shop: Shop, order_id: str) -> None:
    eventually(
        lambda: shop.address(order_id),
        within=timedelta(seconds=60),
        every=timedelta(milliseconds=200),
        what=f"order {order_id} has an address",
    )


@pytest.mark.parametrize("fault", ["nothing", "garbage"])
def test_a_wallet_that_is_not_there_refuses_orders_and_nothing_else(shop: Shop, fault: Fault) -> None:
    shop.wallets.fault, shop.wallets.faulty = fault, {"vendor"}
    eventually(
        lambda: shop.ready()[1]["status"] == "degraded",
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=200),
        what="degraded",
    )

    refused = shop.order("the-same")
    browsing = requests.get(f"{shop.server.url}/api/listings", timeout=10)
    status, said = shop.ready()
    shop.wallets.fault = "none"
    shop.wallets.released.set()
    eventually(
        lambda: shop.ready()[1]["status"] == "ready",
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=300),
        what="ready again",
    )
    taken = shop.order("the-same")

    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0, taken.status_code) == (503, True, 201)
    assert refused.json()["error"]["code"] == "wallets_unavailable"
    assert browsing.status_code == 200
    assert (status, said["wallets"]["vendor"], said["wallets"]["buyer"]) == (200, "silent", "answers")
    assert shop.order("the-same").json()["id"] == taken.json()["id"]
    _given_an_address(shop, taken.json()["id"])
    assert len(shop.books().orders) == 1
    assert in_the_books(shop.books()) == []


@pytest.mark.parametrize("fault", ["error", "odd", "empty"])
@pytest.mark.parametrize("who", ["arbiter", "daemon"])
def test_a_wallet_that_answers_nonsense_costs_an_order_time_and_no_more(shop: Shop, fault: Fault, who: str) -> None:
    shop.wallets.fault, shop.wallets.faulty = fault, {who}
    taken = shop.order()
    order_id = taken.json()["id"]
    eventually(
        lambda: shop.failures() >= 2, within=timedelta(seconds=30), every=timedelta(milliseconds=200), what="it fails"
    )
    meanwhile = shop.address(order_id)

    shop.wallets.fault = "none"
    _given_an_address(shop, order_id)

    assert taken.status_code == 201
    assert shop.failures("round") == 0  # a step at a time
    assert meanwhile is None or who == "daemon"  # an address is the wallets' to give
    assert in_the_books(shop.books()) == []


def test_a_wallet_at_work_for_seconds_keeps_no_order_waiting_for_its_end(shop: Shop) -> None:
    _given_an_address(shop, shop.order().json()["id"])
    shop.wallets.slow_seconds = 2.5
    answers = []

    until = time.monotonic() + 7
    while time.monotonic() < until:
        shop.wallets.height += 1  # a new block: the wallets are asked to read it
        answers.append(shop.order().status_code)
        pause(0.2)

    refreshes = [call for call in shop.wallets.calls if call[1] == "refresh"]
    assert len(refreshes) >= 2
    assert set(answers) == {201}


def test_a_wallet_that_hangs_in_a_call_is_found_out(shop: Shop) -> None:
    _given_an_address(shop, shop.order().json()["id"])
    shop.wallets.slow_seconds = 30
    shop.wallets.height += 1

    eventually(
        lambda: shop.order().status_code == 503,
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=300),
        what="an order is refused",
    )


def test_a_wrong_key_ends_it_with_one_sentence_and_leaves_the_database_alone(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        blue.end()
        before = (tmp_path / "market.db").read_bytes()
        (tmp_path / "blue.log").unlink()
        (tmp_path / "other").write_text("another key")
        blue.settings = {"DATABASE_PASSWORD_FILE": str(tmp_path / "other")}
        blue.launch()
        assert blue.process is not None
        code = blue.process.wait(timeout=30)
        said = (tmp_path / "blue.log").read_text()

        assert code == 4
        # SQLCipher logs what it found before; the last word is ours.
        assert said.splitlines()[-1].endswith("market.db does not open with the key given.")
        assert "Traceback" not in said
        assert "another key" not in said
        assert (tmp_path / "market.db").read_bytes() == before
        blue.settings = {}
        blue.start()
