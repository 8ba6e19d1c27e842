"""Serves the metrics over HTTP."""

import json
import socketserver
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_UP = "monero_wallet_up"


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _QuietHandler(WSGIRequestHandler):
    timeout = 30  # seconds a connection may say nothing

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a scrape is not news, and request lines are untrusted text."""


def application(registry: CollectorRegistry, wallets: int) -> Callable[..., Iterable[bytes]]:
    """Make the WSGI application: /metrics, and /health which collects to see that each wallet has a verdict."""

    def serve(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environment["PATH_INFO"], environment["REQUEST_METHOD"]
        status, kind, body = "404 Not Found", "text/plain", b"/metrics or /health\n"
        if method not in {"GET", "HEAD"}:
            status, body = "405 Method Not Allowed", b""
        elif path == "/metrics":
            status, kind, body = "200 OK", _TEXT, generate_latest(registry)
        elif path == "/health":
            verdicts = [s.value for family in registry.collect() for s in family.samples if s.name == _UP]
            status = "200 OK" if len(verdicts) == wallets else "503 Service Unavailable"
            kind, body = "application/json", json.dumps({"wallets": wallets, "up": int(sum(verdicts))}).encode()
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body if method == "GET" else b""]

    return serve


def make(address: str, port: int, registry: CollectorRegistry, wallets: int) -> WSGIServer:
    """Bind. Raises OSError."""
    return make_server(address, port, application(registry, wallets), _ThreadingServer, _QuietHandler)
