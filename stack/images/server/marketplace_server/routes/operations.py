"""What operators and their machines ask: alive, ready, metrics. The edge does not serve /metrics or /ready."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from .. import replies
from ..answers import answer
from ..connection import Connection
from ..context import Context, context
from ..errors import ApiError, Unavailable
from ..metrics import CONTENT_TYPE
from ..operation import Operation, operation

_READY_SECONDS = 3.0
_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


@operation(Operation(answers={200: replies.Alive}))
async def health(request: Request) -> Response:
    """Say that the process answers. Nothing else is asked: a restart would not help what else may be wrong."""
    return answer(replies.Alive(status="alive", colour=context(request).settings.colour))


@operation(Operation(answers={200: replies.Readiness, 503: replies.Readiness}))
async def ready(request: Request) -> Response:
    """Say whether traffic may come: the database is written to and read; silent wallets only degrade. Not at the edge."""
    parts = context(request)
    wallets, synchronous = await asyncio.gather(parts.wallets.state(), _written(parts))
    is_ready = synchronous is not None and not parts.draining[0]
    body = replies.Readiness(
        status="draining" if parts.draining[0] else "unready" if synchronous is None else "ready",
        colour=parts.settings.colour,
        database="unavailable" if synchronous is None else "writable",
        synchronous=synchronous,
        wallets={name: "answers" if answers else "silent" for name, answers in wallets.items()},
    )
    if is_ready and not all(wallets.values()):
        body["status"] = "degraded"
    return answer(body, 200 if is_ready else 503)


@operation(Operation(answers={200: "text/plain"}, refusals=(Unavailable,)))
async def metrics(request: Request) -> Response:
    """Give all metrics for Prometheus; the escrow gauges are read from the database now. Not at the edge."""
    parts = context(request)
    await parts.wallets.state()
    active, disputes, oldest, locked = await parts.database.read(_escrow)
    parts.metrics.escrow_active.set(active)
    parts.metrics.escrow_disputes.set(disputes)
    parts.metrics.escrow_oldest.set(max(0.0, time.time() - oldest) if oldest else 0.0)
    parts.metrics.escrow_locked.set(locked)
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE)


async def _written(parts: Context) -> str | None:
    """Write a row and say how durable the writing connection makes it (its `synchronous` pragma); None when it can't."""

    def beat(connection: Connection) -> str:
        connection.execute(
            "INSERT INTO heartbeats (colour, at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = ?2",
            (parts.settings.colour, time.time()),
        )
        # Asked of the connection and not of the settings: a process kill can't tell NORMAL from FULL, so this must.
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        return _SYNCHRONOUS[level]

    try:
        return await asyncio.wait_for(parts.database.write(beat), _READY_SECONDS)
    except (ApiError, TimeoutError):
        return None


def _escrow(connection: Connection) -> tuple[int, int, float | None, int]:
    """Count open escrows and disputes, with the time since which the oldest waits for its deposit, and sum what is held.

    An order that asked for no escrow is none of them: nobody can pay for it, so it would wait for ever. CROSS JOIN keeps
    SQLite to that order of reading, for there are fewer escrows than orders.
    """
    active, disputes, oldest = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE state = 'disputed'), min(updated_at) FILTER (WHERE state = 'created')"
        " FROM escrows CROSS JOIN orders ON orders.id = escrows.order_id"
        " WHERE state IN ('created', 'funded', 'shipped', 'disputed')"
    ).fetchone()
    (locked,) = connection.execute(
        "SELECT COALESCE(SUM(amount_piconero), 0) FROM ledger_entries WHERE account = 'escrow'"
    ).fetchone()
    return active, disputes, oldest, locked
