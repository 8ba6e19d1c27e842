"""What one simulated client does: its own address and connection, its session, and the requests of a visit.

Runs under gevent in the load process only (locust has patched it).
"""

from __future__ import annotations

import json
import random
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent.socket
import gevent.ssl
from geventhttpclient import HTTPClient
from geventhttpclient.connectionpool import SSLConnectionPool

from load.profiles import Target
from stack.errors import UserError

ACCOUNTS, LISTINGS = 8, 24
SEARCHES = ("anchor", "rope", "sextant", "lamp", "nothing-of-this-name")


class Refused(Exception):
    """An answer that is not the one the endpoint promises; the text is short, for it is counted by it."""


class BoundPool(SSLConnectionPool):
    """Connects to one address, from one address, whatever the name resolves to."""

    def __init__(self, target: Target, source: str | None, context: ssl.SSLContext, timeout_seconds: float) -> None:
        self._source = source
        super().__init__(
            target.address,
            target.port,
            target.server_name,
            target.port,
            ssl_context_factory=lambda cafile: context,
            ssl_options={"server_hostname": target.server_name, "ca_certs": target.ca_file},
            size=1,
            connection_timeout=timeout_seconds,
            network_timeout=timeout_seconds,
        )

    def _create_tcp_socket(self, family: int, socktype: int, protocol: int) -> gevent.socket.socket:
        opened = gevent.socket.socket(family, socktype, protocol)
        opened.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if self._source is not None:
            opened.bind((self._source, 0))
        return opened


def verifying_context(ca_file: str) -> ssl.SSLContext:
    """TLS that verifies against one CA; shared by all clients."""
    return gevent.ssl.create_default_context(cafile=ca_file)


class Client:
    """One client of the marketplace, on one kept-alive connection."""

    def __init__(self, target: Target, source: str | None, context: ssl.SSLContext, timeout_seconds: float) -> None:
        self._http = HTTPClient(
            target.server_name,
            target.port,
            ssl=True,
            ssl_options={"server_hostname": target.server_name, "ca_certs": target.ca_file},
            ssl_context_factory=lambda cafile: context,
            headers={"Host": target.server_name, "User-Agent": "seatrial-load"},
        )
        self._http._connection_pool = BoundPool(target, source, context, timeout_seconds)

    def request(
        self,
        method: str,
        path: str,
        *,
        expect: int,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request and return its JSON answer.

        Raises:
            Refused: another status than `expect`.
            OSError, ssl.SSLError: no answer.

        """
        sent = {**(headers or {}), **({"Content-Type": "application/json"} if body is not None else {})}
        payload = b"" if body is None else json.dumps(body).encode()
        response = self._http.request(method, path, payload, sent)
        try:
            content = response.read()
        finally:
            response.release()
        if response.status_code != expect:
            raise Refused(str(response.status_code))
        return json.loads(content)


@dataclass
class Market:
    """What all clients of a run know: buyers' sessions and listings to look at."""

    buyers: list[str] = field(default_factory=list)
    """Bearer tokens."""
    listings: list[str] = field(default_factory=list)


def prepare(clients: Sequence[Client], *, accounts: int = ACCOUNTS, listings: int = LISTINGS) -> Market:
    """Register a seller with listings, and buyers; names are random, so that runs don't collide.

    Raises:
        UserError: the server is down or refuses (with what it did); there is no load without it.

    """
    market = Market()
    try:
        seller = _register(clients[0])
        for number in range(listings):
            item = {"title": f"brass {SEARCHES[number % 4]} {number}", "description": "x" * 400, "price_piconero": 10**9}
            made = clients[number % len(clients)].request(
                "POST", "/api/listings", expect=201, body=item, headers=_as(seller)
            )
            market.listings.append(made["id"])
        market.buyers = [_register(clients[(n + 1) % len(clients)]) for n in range(accounts)]
    except (OSError, Refused, ValueError, KeyError) as error:
        raise UserError(f"the marketplace can't be prepared for load: {describe(error)}") from error
    return market


def _register(client: Client) -> str:
    who = {"username": f"load-{secrets.token_hex(8)}", "password": secrets.token_urlsafe(16)}
    client.request("POST", "/api/register", expect=201, body=who)
    return str(client.request("POST", "/api/login", expect=200, body=who)["token"])


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def browse(client: Client, market: Market, chance: random.Random) -> None:
    """Look at a page of listings."""
    answer = client.request("GET", f"/api/listings?page={chance.randint(1, 2)}&per_page=20", expect=200)
    if "items" not in answer:
        raise Refused("no items in the answer")


def view(client: Client, market: Market, chance: random.Random) -> None:
    """Look at one listing, which must be the one asked for."""
    wanted = chance.choice(market.listings)
    if client.request("GET", f"/api/listings/{wanted}", expect=200)["id"] != wanted:
        raise Refused("another listing")


def search(client: Client, market: Market, chance: random.Random) -> None:
    """Search for a word."""
    client.request("GET", f"/api/listings?q={chance.choice(SEARCHES)}&page=1&per_page=20", expect=200)


def order(client: Client, market: Market, chance: random.Random) -> None:
    """Order a listing, under a key of its own."""
    headers = {**_as(chance.choice(market.buyers)), "Idempotency-Key": secrets.token_hex(16)}
    wanted = chance.choice(market.listings)
    made = client.request("POST", f"/api/listings/{wanted}/order", expect=201, body={}, headers=headers)
    if not made.get("sequence"):
        raise Refused("an acknowledged order without a sequence")


Action = Callable[[Client, Market, random.Random], None]
ACTIONS: dict[str, Action] = {"browse": browse, "view": view, "search": search, "order": order}


def describe(error: BaseException) -> str:
    """A short name of what went wrong, the same for the same cause, so that errors can be counted by it."""
    return str(error) if isinstance(error, Refused | UserError) else type(error).__name__
