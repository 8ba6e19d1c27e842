"""Ship, release, dispute, resolve and refund: what happens to an order after it was placed."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from .. import payloads, settlement
from ..answers import answer
from ..connection import Connection
from ..context import Context, context
from ..errors import ApiError
from ..transitions import Moved

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


async def ship(request: Request) -> Response:
    """Say that it is on its way, and where the money shall go → 200 {id, state, sequence}."""
    wanted = await _said(request, payloads.Shipment)
    return await _move(request, lambda *who: settlement.ship(*who, wanted.payout_address))


async def dispute(request: Request) -> Response:
    """Call the arbiter → 200 {id, state, sequence}."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _move(request, settlement.dispute)


async def release(request: Request) -> Response:
    """Let the vendor be paid → 202 {id, state, payout, sequence}; the state changes once the chain has confirmed it."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _decide(request, settlement.release)


async def refund(request: Request) -> Response:
    """Give the buyer's money back in a dispute → 202 {id, state, payout, sequence}."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _decide(request, settlement.refund)


async def resolve(request: Request) -> Response:
    """Decide a dispute as its arbiter → 202 {id, state, payout, sequence}."""
    wanted = await _said(request, payloads.Resolution)
    return await _decide(request, lambda *who: settlement.resolve(*who, wanted.outcome))


async def _said(request: Request, model: type[M], *, may_be_empty: bool = False) -> M:
    """Read the body, after asking whether the order is anything of the caller's: who may comes before what is said."""
    parts = context(request)
    order_id = request.path_params["id"]
    token_hash = parts.sessions.token_hash(request)

    def look(connection: Connection) -> None:
        settlement.require_party(connection, order_id, parts.sessions.account(connection, token_hash))

    await parts.database.read(look)
    return await payloads.body(request, model, may_be_empty=may_be_empty)


async def _move(request: Request, act: Callable[[Connection, str, str], Moved]) -> Response:
    parts, moved = await _written(request, act)
    parts.metrics.transitions.labels(moved.from_state, moved.to_state).inc()
    parts.metrics.sequence.set(moved.sequence)
    return answer({"id": moved.order_id, "state": moved.to_state, "sequence": moved.sequence})


async def _decide(request: Request, act: Callable[[Connection, str, str], settlement.Decided]) -> Response:
    parts, decided = await _written(request, act)
    parts.metrics.sequence.set(decided.sequence)
    if parts.worker:
        parts.worker.wake()
    said = {"id": decided.order_id, "state": decided.state, "payout": decided.kind, "sequence": decided.sequence}
    return answer(said, 202)


async def _written(request: Request, act: Callable[[Connection, str, str], T]) -> tuple[Context, T]:
    parts = context(request)
    order_id = request.path_params["id"]
    token_hash = parts.sessions.token_hash(request)
    try:
        done = await parts.database.write(
            lambda connection: act(connection, order_id, parts.sessions.account(connection, token_hash))
        )
    except ApiError as refused:
        parts.metrics.settlements_refused.labels(refused.code).inc()
        raise
    return parts, done
