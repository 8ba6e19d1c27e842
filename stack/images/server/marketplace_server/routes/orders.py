"""Place and read orders."""

from starlette.requests import Request
from starlette.responses import Response

from .. import orders, payloads, replies
from ..answers import answer
from ..connection import Connection
from ..context import context
from ..errors import (
    ApiError,
    EscrowTooSmall,
    KeyReused,
    MalformedRequest,
    NotFound,
    OwnListing,
    Unavailable,
    WalletsUnavailable,
)
from ..operation import Operation, operation


@operation(
    Operation(
        answers={201: replies.Order, 200: replies.Order},
        body=payloads.NewOrder,
        body_may_be_empty=True,
        needs_session=True,
        idempotent=True,
        refusals=(NotFound, KeyReused, OwnListing, EscrowTooSmall, Unavailable, WalletsUnavailable),
        leads_to=(
            "orders_get",
            *(f"settlement_{what}" for what in ("ship", "release", "dispute", "resolve", "refund")),
        ),
    )
)
async def place(request: Request) -> Response:
    """Order a listing. The same request under its key again is the same order (200), another one is refused."""
    parts = context(request)
    wanted = await payloads.body(request, payloads.NewOrder, may_be_empty=True)
    key = _idempotency_key(request)
    listing_id = request.path_params["id"]
    token_hash = parts.sessions.token_hash(request)
    wallets_answer = await parts.wallets.all_answer()
    if wanted.refund_address and parts.worker is None:
        raise Unavailable("This marketplace has no wallets to hold an escrow with.")

    def take(connection: Connection) -> orders.Placed:
        buyer_id = parts.sessions.account(connection, token_hash)
        asked = orders.Request(
            buyer_id=buyer_id, listing_id=listing_id, key=key, note=wanted.note, refund_address=wanted.refund_address
        )
        return orders.place(connection, asked, wallets_answer=wallets_answer)

    try:
        placed = await parts.database.write(take)
    except ApiError as refused:
        parts.metrics.refused.labels(refused.code).inc()
        raise
    if not placed.is_new:
        parts.metrics.replays.inc()
        return answer(placed.order, 200)
    parts.metrics.orders.inc()
    if wanted.refund_address and parts.worker:
        parts.worker.wake()
    parts.metrics.sequence.set(placed.order["sequence"])
    return answer(placed.order, 201, {"Location": f"/api/orders/{placed.order['id']}"})


@operation(Operation(answers={200: replies.Order}, needs_session=True, refusals=(NotFound, Unavailable)))
async def get(request: Request) -> Response:
    """Read an order of which one is a party (or its dispute's arbiter); anybody else's looks like one that doesn't exist."""
    parts = context(request)
    order_id = request.path_params["id"]
    token_hash = parts.sessions.token_hash(request)

    def read(connection: Connection) -> replies.Order:
        return orders.get(connection, order_id, parts.sessions.account(connection, token_hash))

    return answer(await parts.database.read(read))


@operation(
    Operation(answers={200: replies.OrderPage}, query=payloads.Paging, needs_session=True, refusals=(Unavailable,))
)
async def mine(request: Request) -> Response:
    """Read a page of what one has bought, oldest first."""
    parts = context(request)
    wanted = payloads.query(request, payloads.Paging)
    token_hash = parts.sessions.token_hash(request)

    def read(connection: Connection) -> replies.OrderPage:
        buyer_id = parts.sessions.account(connection, token_hash)
        return orders.page(connection, buyer_id, page=wanted.page, per_page=wanted.per_page)

    return answer(await parts.database.read(read))


def _idempotency_key(request: Request) -> str:
    given = request.headers.getlist("idempotency-key")
    if len(given) != 1:
        raise MalformedRequest("An order needs exactly one Idempotency-Key header.")
    return payloads.held("Idempotency-Key", payloads.KEY, given[0])
