"""What one core of the marketplace server does by itself, and behind nginx with everything else on the other core."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figure import NotMeasured, figure
from tests.benchmarks.goods import Goods, stocked
from tests.benchmarks.http_client import milliseconds_each, p99_milliseconds
from tests.benchmarks.small_stack import small_stack

_WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))


@figure("A listing read on one core (1,000 a second)", unit="ms", at_most=1.0)
def listing_read() -> Sequence[float]:
    """Wall time an answer, 16 keep-alive clients, a page of twenty listings; the server has a core of its own."""
    with _server() as (port, goods):
        return [milliseconds_each(port, goods.read, expect=b"200") for _ in range(3)]


@figure("An acknowledged order on one core, synchronous=FULL (150 a second)", unit="ms", at_most=1000 / 150)
def acknowledged_order() -> Sequence[float]:
    """Wall time an acknowledgement, 16 keep-alive clients, each order under a fresh Idempotency-Key."""
    with _server() as (port, goods):
        return [milliseconds_each(port, goods.order, expect=b"201") for _ in range(3)]


@figure("Behind nginx, server on one core: a listing read (1,000 a second)", unit="ms", at_most=1.0)
def listing_read_behind_nginx() -> Sequence[float]:
    """As above; the server's container is pinned to one core, nginx, wallets, chain and clients share the other."""
    with _behind_nginx() as (port, goods):
        return [milliseconds_each(port, goods.read, expect=b"200") for _ in range(3)]


@figure(
    "Behind nginx, server on one core: an acknowledged order, synchronous=FULL (150 a second)",
    unit="ms",
    at_most=1000 / 150,
)
def acknowledged_order_behind_nginx() -> Sequence[float]:
    """As above; all three wallets and the daemon answer, as they must before an order is taken."""
    with _behind_nginx() as (port, goods):
        return [milliseconds_each(port, goods.order, expect=b"201") for _ in range(3)]


@figure("Behind nginx, server on one core: p99 of listing reads at 500 a second", unit="ms", at_most=200.0)
def listing_reads_at_half_rate() -> Sequence[float]:
    """Poisson arrivals, whatever became of those before; from the intended start."""
    with _behind_nginx() as (port, goods):
        return [p99_milliseconds(port, goods.read, expect=b"200", rate=500, seed=seed) for seed in (1, 2, 3)]


@figure("Behind nginx, server on one core: p99 of acknowledged orders at 75 a second", unit="ms", at_most=200.0)
def orders_at_half_rate() -> Sequence[float]:
    """Poisson arrivals, whatever became of those before; from the intended start."""
    with _behind_nginx() as (port, goods):
        return [p99_milliseconds(port, goods.order, expect=b"201", rate=75, seed=seed) for seed in (1, 2, 3)]


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, Goods]]:
    """The port of a server on a core of its own, and what it holds; this process stays on the others."""
    from tests.server.process import running

    with _two_cores() as (of_the_server, of_the_rest), tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, {of_the_server})  # the server's process inherits it
        with running(Path(folder), "blue") as (blue,):
            os.sched_setaffinity(0, of_the_rest)
            yield blue.port, stocked(blue.url)


@contextlib.contextmanager
def _behind_nginx() -> Iterator[tuple[int, Goods]]:
    """The port of nginx in front of a server that has a core of its own; everything else, this process too, is on the others.

    It is the operator's port: the same proxying as the edge's, without the limits that each client address meets there.
    """
    with (
        _two_cores() as (of_the_server, of_the_rest),
        small_stack("nginx", "server-blue", "monerod", *_WALLETS) as stack,
    ):
        for container in stack.containers():
            cores = {of_the_server} if container.service == "server-blue" else of_the_rest
            stack.driver.api.update_container(container.id, cpuset_cpus=",".join(map(str, sorted(cores))))
        os.sched_setaffinity(0, of_the_rest)
        port = stack.edge.admin_port
        if port is None:
            raise NotMeasured("the edge publishes no port for its operator")
        yield port, stocked(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def _two_cores() -> Iterator[tuple[int, set[int]]]:
    """A core for the server and those for the rest; this process may run on all of them again afterwards."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        raise NotMeasured("one core is too few for a server and its clients")
    try:
        yield min(cores), cores - {min(cores)}
    finally:
        os.sched_setaffinity(0, cores)
