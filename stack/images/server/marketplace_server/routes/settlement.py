"""Ship, release, dispute, resolve and refund: what happens to an order after it was placed."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from .. import payloads, replies, settlement
from ..answers import answer
from ..connection import Connection
from ..context import Context, context
from ..errors import ApiError, Forbidden, NoEscrow, NotFound, Unavailable, WrongState
from ..operation import Operation, operation
from ..transitions import Moved

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_REFUSALS = (NotFound, Forbidden, NoEscrow, WrongState, Unavailable)


def _moving(body: type[BaseModel], *, may_be_empty: bool = False) -> Operation:
    return Operation(
        answers={200: replies.Moved}, body=body, body_may_be_empty=may_be_empty, needs_session=True, refusals=_REFUSALS
    )


def _deciding(body: type[BaseModel], *, may_be_empty: bool = False) -> Operation:
    return Operation(
        answers={202: replies.Decided},
        body=body,
        body_may_be_empty=may_be_empty,
        needs_session=True,
        refusals=_REFUSALS,
    )


@operation(_moving(payloads.Shipment))
async def ship(request: Request) -> Response:
    """Say that it is on its way, and where the money shall go: the vendor, once the order is funded."""
    wanted = await _said(request, payloads.Shipment)
    return await _move(request, lambda c, order, who: settlement.ship(c, order, who, wanted.payout_address))


@operation(_moving(payloads.Nothing, may_be_empty=True))
async def dispute(request: Request) -> Response:
    """Call the arbiter: either party, once there is money in the escrow and until its payout is decided."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _move(request, settlement.dispute)


@operation(_deciding(payloads.Nothing, may_be_empty=True))
async def release(request: Request) -> Response:
    """Let the vendor be paid: the buyer, once it was shipped. The state changes when the chain has confirmed the payout."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _decide(request, settlement.release)


@operation(_deciding(payloads.Nothing, may_be_empty=True))
async def refund(request: Request) -> Response:
    """Give the buyer's money back: the vendor, in a dispute."""
    await _said(request, payloads.Nothing, may_be_empty=True)
    return await _decide(request, settlement.refund)


@operation(_deciding(payloads.Resolution))
async def resolve(request: Request) -> Response:
    """Decide a dispute: the arbiter, of others' orders."""
    wanted = await _said(request, payloads.Resolution)
    return await _decide(request, lambda c, order, who: settlement.resolve(c, order, who, wanted.outcome))


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
    return answer(replies.Moved(id=moved.order_id, state=moved.to_state, sequence=moved.sequence))


async def _decide(request: Request, act: Callable[[Connection, str, str], settlement.Decided]) -> Response:
    parts, decided = await _written(request, act)
    parts.metrics.sequence.set(decided.sequence)
    if parts.worker:
        parts.worker.wake()
    said = replies.Decided(id=decided.order_id, state=decided.state, payout=decided.kind, sequence=decided.sequence)
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
