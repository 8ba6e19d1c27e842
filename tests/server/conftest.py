"""A real server on a real SQLCipher file for the tests of the marketplace."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from marketplace_server.app import create_app
from marketplace_server.settings import Settings
from starlette.testclient import TestClient

if TYPE_CHECKING:
    from tests.server.escrow_market import Market

PASSWORD = "correct horse battery"
_numbers = itertools.count()


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in."""

    id: str
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request theirs."""
        return {"Authorization": f"Bearer {self.token}"}


def settings_at(folder: Path, **changes: object) -> Settings:
    """Settings of a server whose data is in a folder."""
    given: dict[str, object] = {
        "database": folder / "market.db",
        "database_key": "a key with a ' quote",
        "session_secret": b"0123456789abcdef0123456789abcdef",
        "colour": "blue",
    }
    return Settings(**{**given, **changes})  # type: ignore[arg-type]


def person(client: TestClient) -> Person:
    """Register and log in somebody new."""
    username = f"person-{next(_numbers)}-{secrets.token_hex(2)}"
    made = client.post("/api/register", json={"username": username, "password": PASSWORD}).json()
    token = client.post("/api/login", json={"username": username, "password": PASSWORD}).json()["token"]
    client.cookies.clear()
    return Person(made["id"], username, token)


def listing(client: TestClient, vendor: Person, **changes: object) -> dict[str, object]:
    """List something."""
    body = {"title": "Sextant", "description": "", "price_piconero": 10**12, **changes}
    answer = client.post("/api/listings", json=body, headers=vendor.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A running server, shared: tests make people of their own in it."""
    app = create_app(settings_at(tmp_path_factory.mktemp("server")))
    with TestClient(app, base_url="https://market.seatrial.test", raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="session")
def vendor(client: TestClient) -> Person:
    """Somebody who sells."""
    return person(client)


@pytest.fixture(scope="session")
def buyer(client: TestClient) -> Person:
    """Somebody who buys."""
    return person(client)


@pytest.fixture
def market(tmp_path: Path) -> "Iterator[Market]":
    """A buyer and a vendor, their database, and a chain in memory."""
    from tests.server.escrow_market import market_in

    with market_in(tmp_path) as made:
        yield made
