"""OBS-APP-001's judgement of requests and of escrows: what was counted against what was done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from stack.measured import ApplicationMetrics, EscrowMetrics
from stack.settling import PRICE_PICONERO, Voyage
from suites.observability import money, traffic
from suites.observability.exposition import Exposition

NAMES = ApplicationMetrics(probes={"/x/{}": "/x/{id}"})
ESCROWS = EscrowMetrics(
    transitions="moves_total",
    deposits="deposits_total",
    payouts="payouts_total",
    locked_piconero="locked",
    disputes="open",
    active="active",
)


def shown(
    count: int, *, route: str = "/x/{id}", status: int = 404, timed: int | None = None, total: float = 0.05
) -> Exposition:
    labels = f'method="GET",route="{route}"'
    timed = count if timed is None else timed
    text = (
        "# TYPE http_requests_total counter\n"
        f'http_requests_total{{{labels},status="{status}"}} {count}\n'
        "# TYPE http_request_duration_seconds histogram\n"
        f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} {timed}\n'
        f"http_request_duration_seconds_count{{{labels}}} {timed}\n"
        f"http_request_duration_seconds_sum{{{labels}}} {total}\n"
    )
    return Exposition(text, 0.0)


SENT = traffic.Sent(Counter({("/x/{id}", 404): 5}), {"/x/{id}": 0.1}, {"abc123"})
NOTHING = Exposition("", 0.0)


def heard(after: Exposition) -> tuple[list[str], list[str], list[str]]:
    said = traffic.counted(NAMES, [NOTHING], [after])
    return traffic.missing(SENT, said), traffic.excess(SENT, said), traffic.raw(SENT, said)


def test_what_was_counted_rightly_is_fine() -> None:
    assert heard(shown(5)) == ([], [], [])


@pytest.mark.parametrize(
    ("after", "missing", "excess"),
    [
        (shown(3, timed=5), ["GET /x/{id} with 404: 5 answered, 3 counted"], []),
        (shown(5, timed=4), ["GET /x/{id}: 5 answered, 4 timed"], []),
        (shown(5, status=200), ["GET /x/{id} with 404: 5 answered, 0 counted"], []),
        (shown(10, timed=5), [], ["GET /x/{id} with 404: 5 answered, 10 counted"]),
        (shown(5, timed=6), [], ["GET /x/{id}: 5 answered, 6 timed"]),
        (shown(5, total=50.0), [], ["GET /x/{id}: its durations sum to 50.0000 s, expected more than 0 and at most 0.2000 s"]),
        (shown(5, total=0.0), [], ["GET /x/{id}: its durations sum to 0.0000 s, expected more than 0 and at most 0.2000 s"]),
    ],
)  # fmt: skip
def test_what_was_counted_wrongly_is_named(after: Exposition, missing: list[str], excess: list[str]) -> None:
    assert heard(after)[:2] == (missing, excess)


def test_a_path_in_a_label_is_named() -> None:
    assert heard(shown(5, route="/x/abc123"))[2] == ["the route label is '/x/abc123', a path and no template"]


def voyage(ending: Any, *events: str) -> Voyage:
    made = Voyage(ending, (PRICE_PICONERO,), (), refund_address="r", payout_address="p")
    made.deposited, made.payouts = ["d"], ("t",)
    made.timeline = [(float(n), event) for n, event in enumerate(events)]
    return made


VOYAGES = [
    voyage("release", "funded", "released"),
    voyage("arbiter refunds", "funded", "shipped", "disputed", "refunded"),
]


def scrape(
    *, deposits: int = 0, payouts: int = 0, locked: int = 0, disputes: int = 0, active: int = 0, **moves: int
) -> money.Scrape:
    text = f"# TYPE deposits_total counter\ndeposits_total {deposits}\n# TYPE payouts_total counter\npayouts_total {payouts}\n"
    text += f"# TYPE locked gauge\nlocked {locked}\n# TYPE open gauge\nopen {disputes}\n"
    text += f"# TYPE active gauge\nactive {active}\n# TYPE moves_total counter\n"
    text += "".join(f'moves_total{{to_state="{state}"}} {count}\n' for state, count in moves.items())
    return [Exposition(text, 0.0)]


END: dict[str, int] = {
    "deposits": 2, "payouts": 2, "funded": 2, "shipped": 2, "disputed": 1, "released": 1, "refunded": 1,
}  # fmt: skip
WAY = scrape(locked=2 * PRICE_PICONERO, disputes=1, active=2)


def test_escrows_counted_rightly_are_fine() -> None:
    scrapes = [scrape(), WAY, scrape(**END)]

    assert money.wrong_counters(VOYAGES, ESCROWS, scrapes) == []
    assert money.wrong_gauges(VOYAGES, ESCROWS, scrapes) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("deposits", "deposits_total: grew by 1, expected 2"),
        ("payouts", "payouts_total: grew by 1, expected 2"),
        ("shipped", "moves_total to shipped: grew by 1, expected 2"),
        ("released", "moves_total to released: grew by 0, expected 1"),
    ],
)
def test_a_counter_that_missed_one_is_named(name: str, says: str) -> None:
    assert money.wrong_counters(VOYAGES, ESCROWS, [scrape(), WAY, scrape(**{**END, name: END[name] - 1})]) == [says]


@pytest.mark.parametrize(
    ("way", "rest", "says"),
    [
        (scrape(disputes=1, active=1), scrape(), "locked: stayed at 0 while 2 escrows went through it"),
        (
            scrape(locked=PRICE_PICONERO + 1, disputes=1, active=2),
            scrape(),
            f"locked: rose by {PRICE_PICONERO + 1:g}, expected a multiple",
        ),
        (
            scrape(locked=3 * PRICE_PICONERO, disputes=1, active=2),
            scrape(),
            f"locked: rose by {3 * PRICE_PICONERO:g}, expected a multiple",
        ),
        (
            WAY,
            scrape(locked=PRICE_PICONERO),
            f"locked: is {PRICE_PICONERO:g} after all were settled, expected 0 as before",
        ),
        (scrape(locked=PRICE_PICONERO, active=1), scrape(), "open: stayed at 0 while 1 escrows went through it"),
        (scrape(locked=PRICE_PICONERO, disputes=1), scrape(), "active: stayed at 0 while 2 escrows went through it"),
        (
            scrape(locked=PRICE_PICONERO, disputes=1, active=3),
            scrape(),
            "active: rose by 3, expected a multiple of 1 up to 2",
        ),
        (WAY, scrape(active=1), "active: is 1 after all were settled, expected 0 as before"),
    ],
)
def test_a_gauge_that_moves_otherwise_is_named(way: money.Scrape, rest: money.Scrape, says: str) -> None:
    (wrong,) = money.wrong_gauges(VOYAGES, ESCROWS, [scrape(), way, rest])

    assert wrong.startswith(says)
