"""LOAD-MET-001 passes where both clocks say the same, and fails on servers that start theirs late or leave requests out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from load.profiles import for_users
from load.record import Record
from load.runner import Summary, summary
from stack.errors import CannotTell
from stack.profile import ApplicationMetrics
from suites.check import Evidence
from suites.load.agreement import Timed, apart, uncounted
from suites.load.scraped import Scraped
from suites.load.test_agreement import require_agreement
from suites.observability.exposition import Exposition

NAMES = ApplicationMetrics(probes={"/{}": "unmatched"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)


class Server:
    """A real histogram of prometheus_client, as the server has one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = (NAMES.method_label, NAMES.route_label)
        self.histogram = Histogram(NAMES.duration, "Seconds.", labels, buckets=BUCKETS, registry=self.registry)

    def took(self, seconds: float, *, route: str = "/api/listings", times: int = 1) -> None:
        """Requests of one length."""
        for _ in range(times):
            self.histogram.labels("GET", route).observe(seconds)

    def look(self) -> list[Exposition]:
        """One scrape."""
        return [Exposition(generate_latest(self.registry).decode(), 0.01)]


def clients(latencies: Sequence[float], *, failed: int = 0) -> Summary:
    """A run of these service times, in seconds, at a hundred a second."""
    record = Record(intended=len(latencies), seconds=len(latencies) / 100, cpu_seconds=0.1)
    for number, latency in enumerate(latencies):
        error = "502" if number < failed else None
        record.answered("view", intended=number / 100, lag=0.0001, latency=latency, error=error)
    return summary({"record": record.as_json()}, for_users(500, seconds=10), datetime.now(UTC))


def timed(*took: tuple[float, int]) -> Timed:
    """What a server says of requests, after others that came before the run, and beside those of its own."""
    server = Server()
    server.took(0.4, times=50)
    before = server.look()
    for seconds, times in took:
        server.took(seconds, times=times)
    server.took(0.3, route="/ready", times=500)
    return Timed.between(before, server.look(), NAMES, but=("/ready",))


def judge(server: Timed, run: Summary) -> None:
    require_agreement(server, run, Evidence(), allowed_seconds=0.1)


def test_the_same_requests_by_two_clocks_agree() -> None:
    judge(timed((0.008, 900), (0.04, 100)), clients([0.011] * 900 + [0.045] * 100))


def test_what_the_edge_adds_is_allowed() -> None:
    judge(timed((0.004, 1000)), clients([0.05] * 1000))


@pytest.mark.parametrize(
    ("server", "run", "message"),
    [
        # Its clock starts when a worker takes the request from the queue.
        (timed((0.008, 1000)), clients([0.3] * 1000), "p50 is between 5 and 10 ms by its histogram, and 300 ms by its clients"),
        (timed((0.008, 1000)), clients([0.01] * 900 + [0.4] * 100), "p95 is between 5 and 10 ms by its histogram, and 400 ms"),
        # It times something else besides: nobody waited that long.
        (timed((0.15, 1000)), clients([0.02] * 1000), "p50 is between 100 and 200 ms by its histogram, and 19.9 ms by its clients"),
        # One route, or the slow half, is not timed at all.
        (timed((0.008, 600)), clients([0.01] * 1000), r"its histogram has 600 requests, its clients made 1000 \(0 of them failed\)"),
        # Each is timed twice, by two layers.
        (timed((0.008, 2000)), clients([0.01] * 1000), "its histogram has 2000 requests, its clients made 1000"),
        (timed((3.0, 1000)), clients([0.3] * 1000), "p50 is over 1000 ms by its histogram, and 300 ms by its clients"),
    ],
    ids=["late", "late in one of ten", "too long", "left out", "twice", "in the last bucket"],
)  # fmt: skip
def test_a_histogram_that_tells_something_else_fails(server: Timed, run: Summary, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        judge(server, run)


def test_failed_requests_may_or_may_not_have_reached_the_server() -> None:
    assert uncounted(timed((0.008, 800)), answered=1000, failed=200, slack=10) is None
    assert uncounted(timed((0.008, 700)), answered=1000, failed=200, slack=10)


def test_the_edges_of_the_window_are_allowed_for_and_no_more() -> None:
    judge(timed((0.008, 935)), clients([0.01] * 1000))
    with pytest.raises(AssertionError, match="has 920 requests"):
        judge(timed((0.008, 920)), clients([0.01] * 1000))


def test_a_long_wait_agrees_with_the_last_bucket() -> None:
    assert apart(timed((3.0, 10)), clients([3.1] * 10).record.service_time, 50, allowed_seconds=0.1) is None


def test_a_histogram_that_did_not_move_is_no_verdict() -> None:
    with pytest.raises(CannotTell, match="did not move"):
        judge(timed(), clients([0.01] * 1000))


def test_a_server_that_could_not_be_asked_is_no_verdict() -> None:
    nowhere: Any = type("Nowhere", (), {"by_role": lambda *_roles: (_ for _ in ()).throw(CannotTell("no engine"))})()
    scraped = Scraped(nowhere)
    scraped.look()

    with pytest.raises(CannotTell, match="no engine"):
        scraped.timed(NAMES, but=())


def test_a_run_that_ended_early_is_no_verdict() -> None:
    with pytest.raises(CannotTell, match="did not get to its end"):
        Scraped(type("Nowhere", (), {})()).timed(NAMES, but=())
