"""People who use the marketplace through its edge, each from an address of their own, and who can also misbehave."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stack.errors import CannotTell
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules.web import Answer

OWN_PAGE = "/api/orders"
"""What only somebody who is logged in gets."""


@dataclass
class Visitor:
    """One person: an address, an account, and the session they hold (none, before they log in)."""

    edge: EdgeClient
    source: str | None
    username: str
    password: str
    token: str = ""
    account_id: str = ""

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request with the session held, or with another `token` (empty: with none)."""
        sent = {"Accept": "application/json"}
        chosen = self.token if token is None else token
        if chosen:
            sent["Authorization"] = f"Bearer {chosen}"
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        elif method != "GET":
            data = b""
        return self.edge.fetch(Request(path, method, sent | dict(headers or {}), data, self.source))

    def must(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """What the marketplace answers to a request that has to work.

        Raises:
            CannotTell: it refuses, so nothing that follows would show anything.

        """
        answer = self.ask(method, path, body, **options)
        said = content(answer)
        if answer.status not in (200, 201) or not isinstance(said, dict):
            raise CannotTell(f"{method} {path} is answered {answer.status}, so nothing that depends on it can be tried")
        return said

    def register(self) -> None:
        """Make the account."""
        self.must("POST", "/api/register", {"username": self.username, "password": self.password}, token="")

    def login(self, *, headers: Mapping[str, str] | None = None) -> str:
        """Begin a session and return its token; `headers` are what the client comes with."""
        account = {"username": self.username, "password": self.password}
        said = self.must("POST", "/api/login", account, headers=headers, token="")
        self.token, self.account_id = str(said.get("token")), str(said.get("account_id"))
        return self.token

    def is_in(self, token: str) -> bool:
        """Whether a token opens what only somebody who is logged in gets."""
        status = self.ask("GET", OWN_PAGE, token=token).status
        if status not in (200, 401, 403):
            raise CannotTell(f"GET {OWN_PAGE} is answered {status}")
        return status == 200


@dataclass
class Marketplace:
    """The marketplace as people meet it; every one of them comes from the next free address."""

    edge: EdgeClient
    sources: Iterator[str | None]
    people: list[Visitor] = field(default_factory=list)

    def stranger(self) -> Visitor:
        """Somebody without an account."""
        made = Visitor(self.edge, next(self.sources), f"st-{secrets.token_hex(8)}", secrets.token_urlsafe(18))
        self.people.append(made)
        return made

    def member(self) -> Visitor:
        """Somebody who has just registered and logged in."""
        made = self.stranger()
        made.register()
        made.login()
        return made

    def offer(self, vendor: Visitor, title: str) -> str:
        """Put something up for sale and return its id."""
        body = {"title": title, "description": "for a trial", "price_piconero": 1_000_000}
        return str(vendor.must("POST", "/api/listings", body).get("id"))


def content(answer: Answer) -> Any:
    """The JSON of an answer; None when it holds none."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def items(answer: Answer) -> list[dict[str, Any]]:
    """The entries of a page of the marketplace; none when the answer is no page."""
    said = content(answer)
    found = said.get("items") if isinstance(said, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def ids(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of entries."""
    return {str(entry.get("id")) for entry in entries}
