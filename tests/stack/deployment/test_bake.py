"""What a release may do while it is watched, and what takes it back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stack.deployment.bake import Limits, Reading, Traffic, judge, traffic_of

LIMITS = Limits()
WELL = Reading("c1 10:00", "running", None, Traffic(100, 1, 2))

METRICS = """\
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/api/listings",status="200"} 90.0
http_requests_total{method="GET",route="/api/listings",status="500"} 3.0
http_requests_total{method="POST",route="/api/listings/{id}/order",status="503"} 7.0
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.5",method="GET",route="/api/listings"} 80.0
http_request_duration_seconds_bucket{le="1.0",method="GET",route="/api/listings"} 88.0
http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/listings"} 93.0
http_request_duration_seconds_count{method="GET",route="/api/listings"} 93.0
http_request_duration_seconds_sum{method="GET",route="/api/listings"} 9.0
"""


def later(requests: int = 0, errors: int = 0, slow: int = 0) -> Reading:
    """A look at it after so much more."""
    return replace(WELL, traffic=Traffic(100 + requests, 1 + errors, 2 + slow))


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (later(), None),
        (later(1000, errors=10), None),
        (later(1000, errors=11), "11 of 1000 requests ended with an error"),
        (later(3, errors=1), None),  # one of few is no share
        (later(3, errors=2), "2 of 3 requests ended with an error"),
        (later(1000, slow=50), None),
        (later(1000, slow=51), "51 of 1000 requests took more than 1 s"),
        (later(10, slow=10), None),  # too few to tell
        (replace(WELL, incarnation="c1 10:01"), "it crashed and was started anew"),
        (replace(WELL, status="restarting"), "it is restarting"),
        (replace(WELL, edge="status 502"), None),
        (replace(WELL, traffic=None), None),
    ],
)
def test_it_is_judged_by_what_became_of_it_since_it_serves(then: Reading, told: str | None) -> None:
    assert judge([WELL, then], LIMITS) == told


def test_two_wrong_answers_in_a_row_are_the_releases() -> None:
    wrong = replace(WELL, edge="status 502")

    assert judge([WELL, wrong, WELL, wrong], LIMITS) is None
    assert judge([WELL, wrong, wrong], LIMITS) == "customers got status 502"


def test_a_single_look_is_judged_too() -> None:
    assert judge([WELL], LIMITS) is None
    assert judge([replace(WELL, status="paused")], LIMITS) == "it is paused"


def test_counters_are_read_off_the_metrics_and_a_polite_refusal_is_no_error() -> None:
    assert traffic_of(METRICS, LIMITS) == Traffic(requests=100, errors=3, slow=5)


def test_metrics_without_any_of_it_say_nothing_was_asked() -> None:
    assert traffic_of("", LIMITS) == Traffic(0, 0, 0)
