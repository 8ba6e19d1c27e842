"""Browse, search and make listings. Browsing needs no account and no wallets."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import listings, payloads
from ..answers import answer
from ..connection import Connection
from ..context import context


async def search(request: Request) -> Response:
    """Read a page → 200 {items, page, per_page, next_page}; `?q=` searches, `?vendor=` narrows."""
    wanted = payloads.query(request, payloads.ListingsQuery)
    found = await context(request).database.read(
        lambda connection: listings.page(
            connection, q=wanted.q, vendor=wanted.vendor, page=wanted.page, per_page=wanted.per_page
        )
    )
    return answer(found)


async def get(request: Request) -> Response:
    """Read one → 200, or 404."""
    listing_id = request.path_params["id"]
    return answer(await context(request).database.read(lambda connection: listings.get(connection, listing_id)))


async def create(request: Request) -> Response:
    """Make one → 201 with its id and sequence."""
    parts = context(request)
    wanted = await payloads.body(request, payloads.NewListing)
    token_hash = parts.sessions.token_hash(request)

    def make(connection: Connection) -> dict[str, Any]:
        vendor_id = parts.sessions.account(connection, token_hash)
        return listings.create(connection, vendor_id, wanted.title, wanted.description, wanted.price_piconero)

    listing = await parts.database.write(make)
    parts.metrics.listings.inc()
    parts.metrics.sequence.set(listing["sequence"])
    return answer(listing, 201, {"Location": f"/api/listings/{listing['id']}"})
