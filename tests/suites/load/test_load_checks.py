"""Every check of the load area is seen to pass and to fail, on runs that are made up; tests/load has real ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from load.profiles import for_users
from load.record import Record
from load.runner import Summary, summary
from stack.errors import CannotTell
from suites.check import Evidence
from suites.load import test_objectives
from suites.load.test_honesty import require_stall

PROFILE = for_users(500, seconds=10)
CHECKS = {
    "p95": test_objectives.test_p95_is_within_its_objective,
    "p99": test_objectives.test_p99_is_within_its_objective,
    "errors": test_objectives.test_error_rate_is_within_its_objective,
    "generator": test_objectives.test_the_generator_was_not_the_bottleneck,
}


def run(latencies_ms: list[float], *, errors: int = 0, lag_ms: float = 0.1, dropped: int = 0) -> Summary:
    """A run of these latencies."""
    record = Record(intended=len(latencies_ms) + dropped, dropped=dropped, seconds=10.0, cpu_seconds=1.0)
    for number, latency in enumerate(latencies_ms):
        error = "502" if number < errors else None
        record.answered("view", intended=number / 100, lag=lag_ms / 1e3, latency=latency / 1e3, error=error)
    return summary({"record": record.as_json()}, PROFILE, datetime.now(UTC))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_good_run_passes(check: Callable[[Summary, Evidence], None]) -> None:
    check(run([20.0] * 1000), Evidence())


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("p95", run([20.0] * 900 + [300.0] * 100), r"p95 is 300.* ms, expected below 200 ms"),
        ("p99", run([20.0] * 980 + [900.0] * 20), r"p99 is 900.* ms, expected below 500 ms"),
        ("errors", run([20.0] * 1000, errors=2), r"errors is 0\.2 %, expected below 0\.1 % \(2 × view: 502\)"),
        ("generator", run([20.0] * 1000, dropped=5), "5 of 1005 arrivals were dropped"),
    ],
)
def test_a_bad_run_fails(name: str, bad: Summary, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        CHECKS[name](bad, Evidence())


@pytest.mark.parametrize("name", ["p95", "p99", "generator"])
def test_a_saturated_generator_is_no_verdict(name: str) -> None:
    with pytest.raises(CannotTell, match="the generator was (the bottleneck|saturated): arrivals started 6.* ms late"):
        CHECKS[name](run([700.0] * 1000, lag_ms=650), Evidence())


def test_drops_of_a_saturated_generator_are_no_verdict() -> None:
    with pytest.raises(CannotTell, match="the generator was saturated"):
        CHECKS["generator"](run([700.0] * 1000, lag_ms=650, dropped=5), Evidence())


def test_a_stall_that_only_the_generator_had_is_no_verdict() -> None:
    with pytest.raises(CannotTell, match="without the generator's lateness p95 is 0.02 s"):
        require_stall(run([2000.0] * 1000, lag_ms=1980), timedelta(seconds=2), Evidence())


def test_a_stall_that_shows_passes_and_one_that_is_hidden_fails() -> None:
    require_stall(run([20.0] * 750 + [2000.0] * 250), timedelta(seconds=2), Evidence())
    with pytest.raises(AssertionError, match="the stall is hidden"):
        require_stall(run([20.0] * 999 + [2000.0]), timedelta(seconds=2), Evidence())


def test_a_run_without_requests_is_no_verdict() -> None:
    with pytest.raises(CannotTell, match="only 0 requests"):
        CHECKS["generator"](run([]), Evidence())


def test_the_numbers_are_kept() -> None:
    evidence = Evidence()

    CHECKS["p95"](run([20.0] * 1000), evidence)

    assert [(each.name, each.unit, each.objective) for each in evidence.measures] == [("p95", "ms", 200.0)]
    assert [row[0] for row in evidence.tables[0].rows] == ["all", "view"]
