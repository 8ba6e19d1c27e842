"""The receiver's HTTP interface: Alertmanager delivers, people and checks ask what arrived."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .deliveries import Deliveries, fires
from .watchdog import Watchdog

_MAX_BODY_BYTES = 2 * 1024 * 1024
WATCHDOG = "Watchdog"
"""Name of the alert that always fires."""

disable_created_metrics()  # type: ignore[no-untyped-call]


class Alert(BaseModel):
    """One alert of a message, under Alertmanager's own names: what is kept is what was said."""

    model_config = ConfigDict(extra="ignore")
    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str
    endsAt: str
    fingerprint: str = ""


class WebhookMessage(BaseModel):
    """Alertmanager's webhook payload, version 4 (its documentation, `webhook_config`)."""

    model_config = ConfigDict(extra="ignore")
    version: str
    status: str
    receiver: str
    groupKey: str
    alerts: list[Alert]
    groupLabels: dict[str, str] = {}
    truncatedAlerts: int = 0


@dataclass(frozen=True)
class Parts:
    """What the routes work with."""

    deliveries: Deliveries
    watchdog: Watchdog
    registry: CollectorRegistry
    delivered: Counter
    refused: Counter


def create_app(folder: Path, watchdog_seconds: float) -> Starlette:
    """Make the application; the record is opened here. Raises OSError."""
    deliveries = Deliveries(folder)
    watchdog = Watchdog(watchdog_seconds, last_seen=deliveries.last_with(WATCHDOG))
    registry = CollectorRegistry()
    name = "alert_receiver"
    delivered = Counter(f"{name}_deliveries_total", "Messages kept, by status.", ("status",), registry=registry)
    refused = Counter(f"{name}_refused_total", "Messages that were not webhook messages.", registry=registry)
    Gauge(f"{name}_watchdog_alarm", "Whether alerting is silent (1) or heard (0).", registry=registry).set_function(
        lambda: float(watchdog.judge())
    )
    Gauge(
        f"{name}_watchdog_last_seen_timestamp_seconds", "When the always-firing alert last came.", registry=registry
    ).set_function(lambda: watchdog.last_seen or 0.0)
    Gauge(f"{name}_unreadable_lines", "Lines of the record torn by a crash.", registry=registry).set(
        deliveries.unreadable_lines
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        judging = asyncio.create_task(watchdog.keep_judging())
        try:
            yield
        finally:
            judging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await judging
            deliveries.close()

    app = Starlette(
        routes=[
            Route("/webhook", _webhook, methods=["POST"]),
            Route("/deliveries", _deliveries, methods=["GET"]),
            Route("/watchdog", _watchdog, methods=["GET"]),
            Route("/health", _health, methods=["GET"]),
            Route("/metrics", _metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
    )
    app.state.parts = Parts(deliveries, watchdog, registry, delivered, refused)
    return app


async def _webhook(request: Request) -> Response:
    """Keep a message → 200 once it is on disk; Alertmanager retries on 5xx, and so nothing is lost to a full disk."""
    parts: Parts = request.app.state.parts
    body = await _bounded_body(request)
    try:
        message = WebhookMessage.model_validate_json(body).model_dump()
    except ValidationError as error:
        parts.refused.inc()
        raise HTTPException(422, f"not a webhook message: {error.error_count()} fields are wrong") from error
    try:
        delivery = await parts.deliveries.add(message)
    except OSError as error:
        raise HTTPException(503, f"cannot keep the message: {error.strerror}") from error
    parts.delivered.labels(message["status"] if message["status"] in {"firing", "resolved"} else "other").inc()
    if fires(delivery, WATCHDOG):
        parts.watchdog.seen()
    names = sorted({alert["labels"].get("alertname", "") for alert in delivery["alerts"]})
    print(json.dumps({"level": "info", "event": "delivered", "status": message["status"], "alerts": names}), flush=True)
    return JSONResponse({"received_at": delivery["received_at"]})


async def _deliveries(request: Request) -> Response:
    """Say what arrived at or after `?since=` (Unix seconds), oldest first."""
    text = request.query_params.get("since", "0")
    try:
        since = float(text)
    except ValueError as error:
        raise HTTPException(422, "since must be a number of Unix seconds") from error
    parts: Parts = request.app.state.parts
    return JSONResponse(parts.deliveries.since(since))


async def _watchdog(request: Request) -> Response:
    watchdog = request.app.state.parts.watchdog
    is_silent = watchdog.judge()
    body: dict[str, Any] = {
        "alarm": is_silent,
        "alarm_since": watchdog.alarm_since,
        "last_seen": watchdog.last_seen,
        "within_seconds": watchdog.within_seconds,
    }
    return JSONResponse(body)


async def _health(request: Request) -> Response:
    """Say whether messages can be kept: that the record can be written to is what this program is for."""
    parts: Parts = request.app.state.parts
    try:
        await asyncio.to_thread(parts.deliveries.prove_writable)
    except OSError as error:
        return JSONResponse({"status": "unhealthy", "reason": error.strerror}, 503)
    return JSONResponse({"status": "healthy"})


async def _metrics(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    return Response(generate_latest(parts.registry), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413, "the message is too large")
    return bytes(body)
