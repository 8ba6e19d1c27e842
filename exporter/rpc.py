"""Calls one JSON-RPC server and tells every way that can go wrong apart from an answer: an RPC error is HTTP 200."""

import json
import time
from typing import Any

import requests
from prometheus_client import CollectorRegistry, Counter, Histogram
from requests.auth import HTTPDigestAuth

from .config import Endpoint

_MAX_BYTES = 16 * 1024 * 1024
"""Largest answer read: a wallet with 50,000 subaddresses stays below it."""


class RpcFailure(Exception):
    """There is no usable answer; the message says why and holds no secret."""


class RpcMetrics:
    """What is counted about the calls themselves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the instruments."""
        name = "monero_wallet_rpc"
        self.calls = Counter(f"{name}_calls_total", "RPC calls by outcome.", ("method", "status"), registry=registry)
        self.errors = Counter(
            f"{name}_errors_total", "RPC calls without a usable answer.", ("method",), registry=registry
        )
        self.duration = Histogram(
            f"{name}_duration_seconds",
            "Duration of RPC calls until the whole body was read.",
            ("method",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )


class Rpc:
    """One server. Not thread-safe: digest state and connection belong to the thread that calls."""

    def __init__(self, endpoint: Endpoint, metrics: RpcMetrics) -> None:
        """Prepare; nothing is sent before the first call."""
        self._url = f"{endpoint.url}/json_rpc"
        self._metrics = metrics
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc of the environment has a say here
        if endpoint.username:
            self._session.auth = HTTPDigestAuth(endpoint.username, endpoint.password)

    def call(self, method: str, params: dict[str, Any], *, deadline: float) -> dict[str, Any]:
        """Return the result of a call. `deadline` is in time.monotonic() seconds. Raises RpcFailure."""
        started = time.monotonic()
        try:
            result = self._result(method, params, deadline)
        except RpcFailure:
            self._metrics.calls.labels(method, "error").inc()
            self._metrics.errors.labels(method).inc()
            raise
        finally:
            self._metrics.duration.labels(method).observe(time.monotonic() - started)
        self._metrics.calls.labels(method, "success").inc()
        return result

    def _result(self, method: str, params: dict[str, Any], deadline: float) -> dict[str, Any]:
        try:
            answer = json.loads(self._body(method, params, deadline))
        except RpcFailure:
            raise
        except requests.RequestException as error:
            raise RpcFailure(f"no answer ({type(error).__name__})") from error
        except (ValueError, RecursionError) as error:
            raise RpcFailure("the answer is not JSON") from error
        except Exception as error:
            # A server chooses what the libraries read of it (a digest challenge without a realm is their KeyError), and
            # whatever one of them makes of it must not cost the scrape of the others.
            raise RpcFailure(f"an answer that could not be read ({type(error).__name__})") from error
        if not isinstance(answer, dict):
            raise RpcFailure("the answer is not a JSON object")
        if answer.get("error"):
            told = answer["error"]
            raise RpcFailure(f"RPC error {told.get('code') if isinstance(told, dict) else 'without a code'}")
        if not isinstance(answer.get("result"), dict):
            raise RpcFailure("the answer has no result")
        result: dict[str, Any] = answer["result"]
        return result

    def _body(self, method: str, params: dict[str, Any], deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise RpcFailure("out of time")
        question = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        # A redirect is no answer of a wallet, and following one would carry the login elsewhere.
        with self._session.post(self._url, json=question, timeout=left, stream=True, allow_redirects=False) as response:
            if response.status_code != 200:
                raise RpcFailure(f"HTTP status {response.status_code}")
            body = bytearray()
            for chunk in response.iter_content(64 * 1024):
                body += chunk
                # The time-out is per read; a server that drips would otherwise be listened to for ever.
                if time.monotonic() > deadline:
                    raise RpcFailure("out of time")
                if len(body) > _MAX_BYTES:
                    raise RpcFailure("the answer is too large")
        return bytes(body)
