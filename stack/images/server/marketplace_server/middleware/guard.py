"""Refuses what no honest client sends (oversize or dripping bodies, foreign origins) before any of our code looks at it."""

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ApiError, ForeignOrigin, MalformedRequest, PayloadTooLarge, RequestTimeout

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Checks size, pace and origin of each request."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_body_seconds: float) -> None:
        """Take the largest body the server reads, in bytes, and the seconds in which the whole of it must have come."""
        self._app = app
        self._max = max_body_bytes
        self._seconds = max_body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            _check_origin(headers)
            self._check_length(headers)
        except ApiError as refused:
            await refused.response()(scope, receive, send)
            return
        taken = 0
        deadline = asyncio.get_running_loop().time() + self._seconds

        async def receive_bounded() -> Message:
            nonlocal taken
            try:
                # One deadline for all of it: a limit for each piece lets a drip go on for ever.
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise RequestTimeout from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._max:  # chunked: the length was not announced, or was a lie
                    raise PayloadTooLarge
            return message

        await self._app(scope, receive_bounded, send)

    def _check_length(self, headers: Headers) -> None:
        announced = headers.get("content-length", "0")
        if not (announced.isascii() and announced.isdigit()):
            raise MalformedRequest("Content-Length is not a number.")
        if int(announced[:20]) > self._max:
            raise PayloadTooLarge


def _check_origin(headers: Headers) -> None:
    """Refuse what a page of another origin sends.

    Browsers put Origin (and Sec-Fetch-Site) on every cross-origin POST and pages can't forge them; programs send
    neither and hold no ambient cookie. So absence is no attack, and a mismatch is one (OWASP CSRF cheat sheet).
    """
    origin = headers.get("origin")
    if origin is not None and _host(origin) != headers.get("host", "").lower():
        raise ForeignOrigin
    if origin is None and headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise ForeignOrigin


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # no page's origin at all, like `http://[`
        return None
