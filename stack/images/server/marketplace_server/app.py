"""Wires the parts together; the only place that knows them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from .context import Context
from .database import Database
from .errors import ApiError, MethodNotAllowed, NotFound
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


def create_app(settings: Settings) -> Starlette:
    """Make the application; its database opens when it starts. Raises nothing before that."""
    metrics = Metrics(settings.colour)
    database = Database(settings, metrics)
    triple = Triple.of(settings) if settings.holds_escrows else None
    worker = Worker(database, triple, metrics) if triple else None
    parts = Context(
        settings=settings,
        metrics=metrics,
        database=database,
        passwords=Passwords(),
        sessions=Sessions(settings.session_secret, settings.session_lifetime_seconds),
        wallets=Wallets(settings.wallets, metrics, triple.busy_seconds)
        if triple
        else Wallets(settings.wallets, metrics),
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
            Middleware(Guard, max_body_bytes=settings.max_body_bytes, max_body_seconds=settings.max_body_seconds),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _routing_error},
    )
    # A redirect would be made of the Host header and say http: behind the edge it would lead away from TLS.
    app.router.redirect_slashes = False
    app.state.context = parts
    return app


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return MethodNotAllowed(headers={"Allow": ", ".join(_methods_at(request.scope))}).response()
    return NotFound("There is no such address.").response()


def _methods_at(scope: Scope) -> list[str]:
    """Answer what an address takes, over all its routes: the framework names those of the first alone."""
    there = [route for route in ROUTES if route.matches(scope)[0] != Match.NONE]
    return sorted({method for route in there for method in route.methods or ()})
