"""Wires the parts together; the only place that knows them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from .context import Context
from .database import Database
from .errors import ApiError, NotFound
from .escrow.triple import Triple
from .escrow.worker import Worker
from .metrics import Metrics
from .middleware.guard import Guard
from .middleware.observe import Observe
from .passwords import Passwords
from .routes import ROUTES
from .sessions import Sessions
from .settings import Settings
from .wallets import Wallets


class MethodNotAllowed(ApiError):
    """The address is right and the verb is not."""

    status, code, message = 405, "method_not_allowed", "This address does not take that method."


def create_app(settings: Settings) -> Starlette:
    """Make the application; its database opens when it starts. Raises nothing before that."""
    metrics = Metrics(settings.colour)
    database = Database(settings, metrics)
    worker = Worker(database, Triple.of(settings), metrics) if settings.holds_escrows else None
    parts = Context(
        settings=settings,
        metrics=metrics,
        database=database,
        passwords=Passwords(),
        sessions=Sessions(settings.session_secret, settings.session_lifetime_seconds),
        wallets=Wallets(settings.wallets, metrics),
        worker=worker,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        parts.database.start()
        if worker:
            worker.start()
        try:
            yield
        finally:
            if worker:
                await worker.stop()
            parts.database.close()
            parts.passwords.close()

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[
            Middleware(Observe, metrics=metrics, routes=ROUTES, draining=parts.draining),
            Middleware(Guard, max_body_bytes=settings.max_body_bytes),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _routing_error},
    )
    app.state.context = parts
    return app


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _routing_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = (
        MethodNotAllowed(headers=error.headers) if error.status_code == 405 else NotFound("There is no such address.")
    )
    return told.response()
