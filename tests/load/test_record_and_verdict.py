"""What was measured is kept exactly, merges exactly, and is judged only where it may be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.profiles import LoadProfile, for_users
from load.record import Record, Second, outages
from load.verdict import Outcome, judge, never_made, saturation

PROFILE: LoadProfile = for_users(500, seconds=10)


def recorded(latencies_ms: list[float], *, errors: int = 0, lag_ms: float = 0.1) -> Record:
    """A record of these latencies, one every 10 ms, the first `errors` of them failed."""
    record = Record(intended=len(latencies_ms), seconds=len(latencies_ms) / 100, cpu_seconds=0.1)
    for number, latency in enumerate(latencies_ms):
        error = "503" if number < errors else None
        record.answered("view", intended=number / 100, lag=lag_ms / 1e3, latency=latency / 1e3, error=error)
    return record


def test_a_fast_run_passes() -> None:
    verdict = judge(recorded([10.0] * 1000), PROFILE)

    assert {each.outcome for each in verdict.values()} == {Outcome.PASS}


def test_six_in_a_hundred_slow_requests_fail_p95_and_not_p99_alone() -> None:
    verdict = judge(recorded([10.0] * 940 + [300.0] * 60), PROFILE)

    assert verdict["p95"].outcome is Outcome.FAIL
    assert verdict["p99"].outcome is Outcome.PASS


def test_two_in_a_hundred_very_slow_requests_fail_p99() -> None:
    verdict = judge(recorded([10.0] * 980 + [900.0] * 20), PROFILE)

    assert verdict["p95"].outcome is Outcome.PASS
    assert verdict["p99"].outcome is Outcome.FAIL


def test_one_error_in_five_hundred_fails_the_error_rate() -> None:
    verdict = judge(recorded([10.0] * 1000, errors=2), PROFILE)

    assert verdict["errors"].outcome is Outcome.FAIL
    assert verdict["errors"].observed == 0.002


def test_a_late_generator_voids_a_failure_that_may_be_its_own() -> None:
    verdict = judge(recorded([300.0] * 1000, errors=2, lag_ms=200), PROFILE)

    assert verdict["p95"].outcome is Outcome.INCONCLUSIVE
    assert "arrivals started 200 ms late" in verdict["p95"].why
    assert verdict["errors"].outcome is Outcome.FAIL


def test_what_is_too_slow_without_the_generators_lateness_fails() -> None:
    verdict = judge(recorded([300.0] * 1000, lag_ms=60), PROFILE)

    assert verdict["p95"].outcome is Outcome.FAIL


def test_a_late_generator_voids_what_looks_fast_too() -> None:
    verdict = judge(recorded([100.0] * 1000, lag_ms=60), PROFILE)

    assert verdict["p95"].outcome is Outcome.INCONCLUSIVE
    assert verdict["errors"].outcome is Outcome.PASS


def test_dropped_arrivals_void_everything() -> None:
    record = recorded([10.0] * 1000)
    record.dropped, record.intended = 7, 1007

    verdict = judge(record, PROFILE)

    assert {each.outcome for each in verdict.values()} == {Outcome.INCONCLUSIVE}
    assert "7 of 1007 arrivals were dropped" in verdict["p95"].why


def test_a_missing_part_of_the_load_is_said() -> None:
    record = recorded([10.0] * 900)
    record.intended = 1000

    assert never_made(record) == ["900 requests were made of 1000 intended"]


def test_no_requests_are_no_pass() -> None:
    assert {each.outcome for each in judge(Record(), PROFILE).values()} == {Outcome.INCONCLUSIVE}


def test_a_busy_core_is_saturation() -> None:
    record = recorded([10.0] * 1000)
    record.cpu_seconds = record.seconds

    assert saturation(record) == ["it used 100% of a core, expected at most 90%"]


def test_a_late_event_loop_is_saturation() -> None:
    record = recorded([10.0] * 1000)
    for _ in range(100):
        record.woke(0.2)

    assert any("event loop" in reason for reason in saturation(record))


@pytest.mark.parametrize("percent", [50, 90, 95, 99, 99.9])
def test_percentiles_are_within_three_in_a_thousand_of_an_exact_record(percent: float) -> None:
    chance = random.Random(1)
    latencies = sorted(chance.lognormvariate(2, 1) for _ in range(20_000))
    exact = latencies[min(len(latencies) - 1, int(percent / 100 * len(latencies)))]

    assert recorded(latencies).percentile_ms(percent) == pytest.approx(exact, rel=0.01)


@given(st.lists(st.floats(0.01, 5000), min_size=2, max_size=60), st.data())
def test_merged_records_equal_a_single_one(latencies: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(latencies) - 1))
    whole, left, right = recorded(latencies), recorded(latencies[:cut]), recorded(latencies[cut:])

    left.merge(right)

    assert left.requests == whole.requests
    assert [left.percentile_ms(p) for p in (50, 95, 99, 100)] == [whole.percentile_ms(p) for p in (50, 95, 99, 100)]


def test_a_record_survives_its_file() -> None:
    record = recorded([1.0, 20.0, 300.0], errors=1)

    again = Record.from_json(record.as_json())

    assert again.as_json() == record.as_json()
    assert again.errors == {"view: 503": 1}


def test_outages_are_the_stretches_where_all_failed() -> None:
    seconds = {n: Second(10, 10 if n in (2, 3, 7) else 1) for n in range(10)}

    assert outages(seconds) == [(2, 3), (7, 7)]
