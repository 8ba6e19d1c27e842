"""Load as the process it is, against a market that misbehaves on demand: each objective is seen to hold and to break."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from load import profiles
from load.arrivals import constant
from load.live import LiveReader
from load.profiles import LoadProfile, Target, for_users
from load.runner import ROOT, BaseLoad, LoadRefused, Outcome, Summary
from stack.errors import CannotTell
from stack.waiting import eventually
from suites.check import Evidence
from suites.load.findings import require
from suites.load.test_honesty import require_stall
from tests.load.fake_market import Temper, fake_market

Market = tuple[Target, Temper]
TRIES = 3


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """A market on loopback."""
    folder = tmp_path / "market"
    folder.mkdir()
    with fake_market(folder) as made:
        yield made


def profile(seconds: float = 3.0, **changes: object) -> LoadProfile:
    """A small load: 50 arrivals a second, evenly spaced."""
    small = replace(for_users(50), rate=tuple(constant(50, seconds)), warm_up_seconds=0.5, poisson=False)
    return replace(small, **changes)  # type: ignore[arg-type]


def run(market: Market, load: LoadProfile | None = None) -> Summary:
    """Run a load to its end, again where the run voided itself: the machine was busy with something else."""
    for _ in range(TRIES):
        with BaseLoad(load or profile(), market[0]) as base:
            base.start()
            seen = base.finish()
        if not seen.saturation and not seen.never_made:
            break
    return seen


def test_a_quick_market_passes_every_objective(market: Market) -> None:
    seen = run(market)

    assert {each.outcome for each in seen.verdict.values()} == {Outcome.PASS}
    assert seen.requests == 150
    assert set(seen.record.by_endpoint) == {"browse", "view", "search", "order"}
    for objective in ("p95", "p99", "errors"):
        require(seen, objective, Evidence())


def test_a_delay_of_300_ms_fails_p95(market: Market) -> None:
    market[1].delay_seconds = 0.3

    seen = run(market)

    assert seen.verdict["p95"].outcome is Outcome.FAIL
    with pytest.raises(AssertionError, match=r"p95 is 3\d\d.* ms, expected below 200 ms"):
        require(seen, "p95", Evidence())


def test_a_delay_of_600_ms_fails_p99(market: Market) -> None:
    market[1].delay_seconds = 0.6

    with pytest.raises(AssertionError, match=r"p99 is 6\d\d.* ms, expected below 500 ms"):
        require(run(market), "p99", Evidence())


def test_five_hundreds_fail_the_error_rate_and_are_named(market: Market) -> None:
    market[1].fail_every = 20

    with pytest.raises(AssertionError, match=r"errors is .* %, expected below 0\.1 % \(\d+ × \w+: 500"):
        require(run(market), "errors", Evidence())


def test_a_stall_of_two_seconds_shows(market: Market) -> None:
    with BaseLoad(profile(8), market[0]) as base:
        base.start()
        threading.Event().wait(2)
        market[1].stalled_until = time.monotonic() + 2
        seen = base.finish()

    require_stall(seen, _two_seconds(), Evidence())


def test_no_stall_is_no_stall(market: Market) -> None:
    with pytest.raises(AssertionError, match="longest latency"):
        require_stall(run(market), _two_seconds(), Evidence())


def test_a_market_that_is_down_is_said_at_once(market: Market) -> None:
    nowhere = replace(market[0], port=9)

    with BaseLoad(profile(), nowhere) as base, pytest.raises(LoadRefused, match="can't be prepared"):
        base.start()


def test_another_certificate_is_refused(market: Market, tmp_path: Path) -> None:
    from tests.load.fake_market import certificate

    other, _ = certificate(tmp_path)

    with BaseLoad(profile(), replace(market[0], ca_file=str(other))) as base, pytest.raises(CannotTell, match="SSL"):
        base.start()


def test_a_stopped_run_keeps_what_it_measured(market: Market) -> None:
    with BaseLoad(profile(60), market[0]) as base:
        base.start()
        threading.Event().wait(1.5)
        seen = base.stop()

    assert 40 <= seen.requests <= 150
    assert seen.verdict["errors"].outcome in {Outcome.PASS, Outcome.INCONCLUSIVE}


def test_clients_come_from_the_addresses_they_are_given(market: Market) -> None:
    several = replace(market[0], sources=tuple(f"127.0.0.{n}" for n in range(10, 20)))

    run((several, market[1]))

    assert market[1].sources == set(several.sources)


def _two_seconds() -> timedelta:

    return timedelta(seconds=2)


def test_a_live_load_tells_each_request_as_it_happens(market: Market) -> None:
    with BaseLoad(profile(60), market[0], live=True) as base:
        base.start()
        began = time.monotonic()
        reader = LiveReader(base.live_log)
        eventually(
            lambda: reader.read() or len(reader.answered) >= 50,
            within=timedelta(seconds=20),
            every=timedelta(milliseconds=50),
            what="fifty answers",
        )

    told = reader.between(0, time.monotonic())
    assert all(not request.error for request in told)
    assert began - 5 < told[0].at < told[-1].at < time.monotonic()


def test_a_live_load_ends_with_whoever_started_it(market: Market, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from load.runner import BaseLoad; from load.profiles import read; "
        "profile, target = read(Path(sys.argv[1])); base = BaseLoad(profile, target, keep=Path(sys.argv[2]), live=True); "
        "base.start(); print(base._process.pid, flush=True); time.sleep(120)"
    )
    profiles.write(profile(120), market[0], tmp_path / "plan")
    argv = [sys.executable, "-c", program, str(tmp_path / "plan"), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        load = int(starter.stdout.readline())

        starter.kill()

    eventually(
        lambda: not Path(f"/proc/{load}").exists(),
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=100),
        what="the load's end",
    )
