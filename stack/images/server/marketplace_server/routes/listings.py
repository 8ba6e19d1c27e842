"""Browse, search and make listings. Browsing needs no account and no wallets."""

from starlette.requests import Request
from starlette.responses import Response

from .. import listings, payloads, replies
from ..answers import answer
from ..connection import Connection
from ..context import context
from ..errors import NotFound, Unavailable
from ..operation import Operation, operation


@operation(Operation(answers={200: replies.ListingPage}, query=payloads.ListingsQuery, refusals=(Unavailable,)))
async def search(request: Request) -> Response:
    """Read a page of listings, newest first: those that have every word of `q`, the last one as a beginning."""
    wanted = payloads.query(request, payloads.ListingsQuery)
    found = await context(request).database.read(
        lambda connection: listings.page(
            connection, q=wanted.q, vendor=wanted.vendor, page=wanted.page, per_page=wanted.per_page
        )
    )
    return answer(found)


@operation(Operation(answers={200: replies.Listing}, refusals=(NotFound, Unavailable)))
async def get(request: Request) -> Response:
    """Read a listing."""
    listing_id = request.path_params["id"]
    return answer(await context(request).database.read(lambda connection: listings.get(connection, listing_id)))


@operation(
    Operation(
        answers={201: replies.Listing},
        body=payloads.NewListing,
        needs_session=True,
        refusals=(Unavailable,),
        leads_to=("listings_get", "orders_place"),
    )
)
async def create(request: Request) -> Response:
    """Offer something for sale."""
    parts = context(request)
    wanted = await payloads.body(request, payloads.NewListing)
    token_hash = parts.sessions.token_hash(request)

    def make(connection: Connection) -> replies.Listing:
        vendor_id = parts.sessions.account(connection, token_hash)
        return listings.create(connection, vendor_id, wanted.title, wanted.description, wanted.price_piconero)

    listing = await parts.database.write(make)
    parts.metrics.listings.inc()
    parts.metrics.sequence.set(listing["sequence"])
    return answer(listing, 201, {"Location": f"/api/listings/{listing['id']}"})
