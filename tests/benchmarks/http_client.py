"""A client that costs next to nothing, so that what is measured is the server: raw keep-alive connections, closed or open model."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from load.arrivals import constant, poisson
from tests.benchmarks.figure import NotMeasured

Request = Callable[[], bytes]
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def milliseconds_each(port: int, request: Request, *, expect: bytes, seconds: float = 4.0, clients: int = 16) -> float:
    """Wall milliseconds an answer takes, when each of the clients asks again as soon as it was answered (closed model)."""

    async def client(end: float) -> int:
        done = 0
        connection = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            await _ask(connection, request(), expect)
            done += 1
        await _close(connection)
        return done

    async def all_clients() -> float:
        began = time.perf_counter()
        done = await asyncio.gather(*(client(began + seconds) for _ in range(clients)))
        return (time.perf_counter() - began) * 1000 / sum(done)

    return asyncio.run(all_clients())


def p99_milliseconds(
    port: int, request: Request, *, expect: bytes, rate: float, seconds: float = 10.0, seed: int
) -> float:
    """The 99th percentile in milliseconds of answers that are asked for at Poisson times, whatever became of those before
    (open model): it counts from the intended start, so that a late one is the server's delay and not a smaller load.
    """

    async def run() -> Sequence[float]:
        idle: deque[_Connection] = deque()
        took: list[float] = []

        async def one(intended: float) -> None:
            connection = idle.popleft() if idle else await asyncio.open_connection("127.0.0.1", port)
            await _ask(connection, request(), expect)
            took.append(time.perf_counter() - intended)
            idle.append(connection)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for arrival in poisson(constant(rate, seconds), seed=seed):
                if (wait := began + arrival - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(began + arrival))
        for connection in idle:
            await _close(connection)
        return took

    took = sorted(asyncio.run(run()))
    return took[math.ceil(0.99 * len(took)) - 1] * 1000


async def _ask(connection: _Connection, request: bytes, expect: bytes) -> None:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if head[9:12] != expect:
        raise NotMeasured(f"the server answered {head[9:12].decode()} where {expect.decode()} was expected")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))


async def _close(connection: _Connection) -> None:
    connection[1].close()
    await connection[1].wait_closed()
