"""Speaks the marketplace's HTTP interface in types, so that journeys, checks and loads say what they mean and not how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stack.errors import CannotTell, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

_PAGE = 100


class Refused(SeatrialError):
    """The marketplace answered, and the answer was no; nothing was acknowledged."""

    def __init__(self, what: str, status: int, code: str, retry_after_seconds: float | None) -> None:
        """Keep the status, the marketplace's error code and when to come back, if it said so."""
        super().__init__(f"{what} was refused with status {status} ({code})")
        self.status = status
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class Unanswered(CannotTell):
    """No whole answer came; whether the marketplace did what was asked is unknown."""


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    id: str
    username: str
    password: str
    sequence: int


@dataclass(frozen=True)
class Login:
    """A session."""

    account_id: str
    token: str
    expires_at: float
    sequence: int


@dataclass(frozen=True)
class Listing:
    """Something for sale; the price in piconero."""

    id: str
    sequence: int
    vendor_id: str
    title: str
    description: str
    price_piconero: int


@dataclass(frozen=True)
class Order:
    """An order as one of its parties sees it; `idempotency_key` is empty for the vendor."""

    id: str
    sequence: int
    state: str
    listing_id: str
    buyer_id: str
    vendor_id: str
    price_piconero: int
    note: str
    idempotency_key: str


class HasSession(Protocol):
    """An edge: whatever makes sessions that take bare paths (stack.edge.Edge)."""

    def session(self) -> requests.Session:
        """Make a session whose bare paths are the edge's."""


class Market:
    """A client of one marketplace. One thread at a time; it has one connection.

    Every method raises Refused (the answer was no), Unanswered (no whole answer came) and, for an answer that breaks the
    interface, SeatrialError.
    """

    def __init__(self, target: str | HasSession, *, patience_seconds: float = 10) -> None:
        """Take a base URL, or an edge (by its name, its certificate verified against its CA).

        Who hears nothing for `patience_seconds` goes without an answer (Unanswered).
        """
        self._patience = patience_seconds
        if isinstance(target, str):
            import requests

            self._base = target.rstrip("/")
            self._session = requests.Session()
            self._session.trust_env = False
        else:
            self._base = ""
            self._session = target.session()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def register(self, username: str, password: str) -> Account:
        """Make an account."""
        said = self._ask("registering", "POST", "/api/register", body={"username": username, "password": password})
        return Account(_text(said, "id"), username, password, _whole(said, "sequence"))

    def login(self, username: str, password: str) -> Login:
        """Begin a session. The cookie is not kept: sessions are told apart by their tokens."""
        said = self._ask("logging in", "POST", "/api/login", body={"username": username, "password": password})
        self._session.cookies.clear()
        expires = said.get("expires_at")
        if not isinstance(expires, int | float):
            raise _odd("logging in", "expires_at")
        return Login(_text(said, "account_id"), _text(said, "token"), float(expires), _whole(said, "sequence"))

    def logout(self, token: str) -> int:
        """End a session and return the sequence number."""
        return _whole(self._ask("logging out", "POST", "/api/logout", token=token), "sequence")

    def list_for_sale(self, token: str, *, title: str, description: str, price_piconero: int) -> Listing:
        """Make a listing."""
        body = {"title": title, "description": description, "price_piconero": price_piconero}
        return _listing(self._ask("listing", "POST", "/api/listings", body=body, token=token))

    def listing(self, listing_id: str) -> Listing:
        """Read a listing."""
        return _listing(self._ask("reading a listing", "GET", f"/api/listings/{listing_id}"))

    def search(self, q: str = "", *, vendor: str = "", page: int = 1, per_page: int = 20) -> tuple[Listing, ...]:
        """Read one page of listings, newest first."""
        query = {"q": q, "vendor": vendor, "page": page, "per_page": per_page}
        said = self._ask("searching", "GET", "/api/listings", query=query)
        return tuple(_listing(item) for item in _items(said))

    def listings_of(self, vendor_id: str) -> Iterator[Listing]:
        """Read all listings of a vendor, newest first."""
        for item in self._pages("reading listings", "/api/listings", {"vendor": vendor_id}, token=None):
            yield _listing(item)

    def order(self, token: str, listing_id: str, *, key: str, note: str = "") -> Order:
        """Order a listing under an Idempotency-Key. Doing it again with the same key is safe, also after Unanswered."""
        said = self._ask(
            "ordering", "POST", f"/api/listings/{listing_id}/order", body={"note": note}, token=token, key=key
        )
        return _order(said)

    def read_order(self, token: str, order_id: str) -> Order:
        """Read an order of which the session's account is a party."""
        return _order(self._ask("reading an order", "GET", f"/api/orders/{order_id}", token=token))

    def purchases(self, token: str) -> Iterator[Order]:
        """Read everything that the session's account has ordered, oldest first."""
        for item in self._pages("reading orders", "/api/orders", {}, token=token):
            yield _order(item)

    def _pages(self, what: str, path: str, query: dict[str, Any], token: str | None) -> Iterator[dict[str, Any]]:
        page: int | None = 1
        while page is not None:
            said = self._ask(what, "GET", path, query={**query, "page": page, "per_page": _PAGE}, token=token)
            yield from _items(said)
            page = said.get("next_page")

    def _ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        token: str | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        import requests

        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = self._session.request(
                method, self._base + path, json=body, params=query, headers=headers, timeout=self._patience, allow_redirects=False
            )
        except requests.RequestException as error:
            message = f"{what}: no whole answer came ({type(error).__name__})"
            raise Unanswered(message) from error
        return _read(what, answer)


def _read(what: str, answer: requests.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if answer.status_code in {200, 201, 202}:
        if not isinstance(said, dict):
            raise _odd(what, "JSON")
        return said
    error = said.get("error") if isinstance(said, dict) else None
    # The edge answers for itself (limits, no upstream), and not in the marketplace's shape.
    code = str(error.get("code")) if isinstance(error, dict) else "no reason given"
    wait = answer.headers.get("Retry-After", "")
    raise Refused(what, answer.status_code, code, float(wait) if wait.isdigit() else None)


def _listing(said: dict[str, Any]) -> Listing:
    return Listing(
        id=_text(said, "id"),
        sequence=_whole(said, "sequence"),
        vendor_id=_text(said, "vendor_id"),
        title=_text(said, "title"),
        description=_text(said, "description"),
        price_piconero=_whole(said, "price_piconero"),
    )


def _order(said: dict[str, Any]) -> Order:
    return Order(
        id=_text(said, "id"),
        sequence=_whole(said, "sequence"),
        state=_text(said, "state"),
        listing_id=_text(said, "listing_id"),
        buyer_id=_text(said, "buyer_id"),
        vendor_id=_text(said, "vendor_id"),
        price_piconero=_whole(said, "price_piconero"),
        note=_text(said, "note"),
        idempotency_key=_text(said, "idempotency_key") if "idempotency_key" in said else "",
    )


def _items(said: dict[str, Any]) -> list[dict[str, Any]]:
    items = said.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _odd("a page", "items")
    return items


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise _odd("the marketplace's answer", name)
    return value


def _whole(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _odd("the marketplace's answer", name)
    return value


def _odd(what: str, name: str) -> SeatrialError:
    return SeatrialError(f"{what}: the answer has no proper {name}")
