"""What one core of the marketplace server does, and what a scrape of the exporter costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.figure import NotMeasured, figure

if TYPE_CHECKING:
    from tests.server.process import Colour

_SECONDS = 4.0
_CLIENTS = 16


@figure("A listing read on one core (1,000 a second)", unit="ms", at_most=1.0)
def listing_read() -> Sequence[float]:
    """Wall time an answer, 16 keep-alive clients, a page of twenty listings; the server has a core of its own."""
    with _server() as (blue, _, _):
        request = b"GET /api/listings HTTP/1.1\r\nHost: localhost\r\n\r\n"
        return [_milliseconds_each(blue.port, lambda: request, expect=b"200") for _ in range(3)]


@figure("An acknowledged order on one core, synchronous=FULL (150 a second)", unit="ms", at_most=1000 / 150)
def acknowledged_order() -> Sequence[float]:
    """Wall time an acknowledgement, 16 keep-alive clients, each order under a fresh Idempotency-Key."""
    with _server() as (blue, token, listing_id):

        def request() -> bytes:
            head = f"POST /api/listings/{listing_id}/order HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            return f"{head}Idempotency-Key: {secrets.token_hex(16)}\r\nContent-Length: 0\r\n\r\n".encode()

        return [_milliseconds_each(blue.port, request, expect=b"201") for _ in range(3)]


@contextlib.contextmanager
def _server() -> Iterator[tuple[Colour, str, str]]:
    """A server on a core of its own, with a buyer's token and a listing that can be ordered."""
    from stack.clients.market import Market
    from tests.server.process import running

    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        raise NotMeasured("one core is too few for a server and its clients")
    server_core = min(cores)
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, {server_core})  # the server's process inherits it
        try:
            with running(Path(folder), "blue") as (blue,):
                os.sched_setaffinity(0, cores - {server_core})
                market = Market(blue.url)
                vendor, buyer = (market.register(f"bench-{secrets.token_hex(4)}", "a password") for _ in range(2))
                vendor_token = market.login(vendor.username, vendor.password).token
                items = [
                    market.list_for_sale(
                        vendor_token, title=f"Lamp {n}", description="brass " * 30, price_piconero=10**9
                    )
                    for n in range(40)
                ]
                yield blue, market.login(buyer.username, buyer.password).token, items[0].id
                market.close()
        finally:
            os.sched_setaffinity(0, cores)


def _milliseconds_each(port: int, request: Callable[[], bytes], *, expect: bytes) -> float:
    async def client(end: float) -> int:
        done = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            writer.write(request())
            head = await reader.readuntil(b"\r\n\r\n")
            if head[9:12] != expect:
                raise NotMeasured(f"the server answered {head[9:12].decode()} where {expect.decode()} was expected")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            done += 1
        writer.close()
        await writer.wait_closed()
        return done

    async def all_clients() -> float:
        began = time.perf_counter()
        done = await asyncio.gather(*(client(began + _SECONDS) for _ in range(_CLIENTS)))
        return (time.perf_counter() - began) * 1000 / sum(done)

    return asyncio.run(all_clients())
