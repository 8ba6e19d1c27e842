"""Gives each request an id, counts it, times it and logs it, because what nobody saw cannot be explained later."""

import re
import secrets
import time
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import logs
from ..errors import ApiError
from ..metrics import Metrics

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/health", "/ready", "/metrics"})


class Observe:
    """Outermost layer: whatever goes wrong inside becomes one JSON error, one log line and one count."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, routes: list[Route], draining: list[bool]) -> None:
        """Take the routes to name each by its template; `draining` is one flag shared with the server."""
        self._app = app
        self._metrics = metrics
        self._templates: dict[Any, str] = {route.endpoint: route.path for route in routes}
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        rid = _request_id(scope)
        logs.request_id.set(rid)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"x-request-id", rid.encode()), (b"cache-control", b"no-store")]
                if self._draining[0]:
                    extra.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send_marked)
        except Exception:
            logs.failure("request failed")
            if status:  # half an answer is out: let the server cut the connection, so that the client sees it
                raise
            await ApiError().response()(scope, receive, send_marked)
        finally:
            self._metrics.in_progress.dec()
            self._count(scope, status or 499, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = self._templates.get(scope.get("endpoint"), "unmatched")
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.duration.labels(method, route).observe(seconds)
        if route not in _QUIET or status >= 500:
            logs.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 2))


def _request_id(scope: Scope) -> str:
    """Take over the edge's id where it looks like one; else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _ID.fullmatch(text):
                return str(text)
    return secrets.token_hex(8)
