"""What a marketplace under measurement holds, and the requests that are measured on it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from stack.clients.market import Market

LISTINGS = 40


@dataclass(frozen=True)
class Goods:
    """A buyer's token and a listing to order."""

    token: str
    listing_id: str

    def read(self) -> bytes:
        """Ask for a page of twenty listings."""
        return b"GET /api/listings HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def order(self) -> bytes:
        """Order under a fresh Idempotency-Key."""
        head = f"POST /api/listings/{self.listing_id}/order HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {self.token}\r\nIdempotency-Key: {secrets.token_hex(16)}\r\n"
        return f"{head}Content-Length: 0\r\n\r\n".encode()


def stocked(url: str) -> Goods:
    """Fill a marketplace with forty listings."""
    market = Market(url)
    vendor, buyer = (market.register(f"bench-{secrets.token_hex(4)}", "a password") for _ in range(2))
    token = market.login(vendor.username, vendor.password).token
    items = [
        market.list_for_sale(token, title=f"Lamp {n}", description="brass " * 30, price_piconero=10**9)
        for n in range(LISTINGS)
    ]
    made = Goods(market.login(buyer.username, buyer.password).token, items[0].id)
    market.close()
    return made
