"""The load checks find a server that stalls and one that is gone, on the running reference stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaos.effect import Fault
from chaos.fault import injected
from chaos.faults.container import Paused, Stopped
from chaos.runner import Runner
from load.runner import BaseLoad, Summary
from stack.model import Stack
from stack.vantage import Outside
from stack.waiting import pause
from suites.check import Evidence
from suites.load.findings import require
from suites.load.plan import clients_of, for_seconds, plan_of
from suites.load.test_objectives import test_the_generator_was_not_the_bottleneck as the_generator_check

SERVER = "server-blue"
TRIES = 3
"""For a run that was voided by whatever else this machine does."""


@pytest.fixture(scope="module")
def stack(reference: Stack) -> Iterator[Stack]:
    """The running reference stack."""
    yield reference
    Runner.of(reference).close()


def run_under(stack: Stack, fault: Fault, seconds: float, *, users: int | None = None) -> Summary:
    """The profile's load for six seconds, with a fault in the middle; `users` bounds how many may wait."""
    with Outside(stack.project) as outside:
        plan = for_seconds(plan_of(stack, seed=1), 6.0, warm_up_seconds=1.0)
        plan = replace(plan, users=users or plan.users)
        with BaseLoad(plan, clients_of(stack, outside), prefix=outside.exec_prefix) as load:
            load.start()
            pause(1.0)
            with injected(fault, stack):
                pause(seconds)
            return load.finish()


def test_a_server_that_stalls_fails_both_percentiles(stack: Stack) -> None:
    seen = run_under(stack, Paused(SERVER), 2.0)

    for objective in ("p95", "p99"):
        with pytest.raises(AssertionError, match="expected below"):
            require(seen, objective, Evidence())


def test_a_server_that_is_gone_fails_the_error_rate_by_name(stack: Stack) -> None:
    seen = run_under(stack, Stopped(SERVER), 3.0)  # outages are told in whole seconds: one must fall inside for certain

    with pytest.raises(AssertionError, match=r"errors is .* % \(\d+ × \w+: 50\d"):
        require(seen, "errors", Evidence())
    assert seen.outages, "a stretch without an answer is an outage"


def test_a_generator_that_drops_what_it_should_send_fails(stack: Stack) -> None:
    # With so few clients no more than 200 may be under way, and a stall to the end has hundreds more arrive. (When a stall
    # ends before the arrivals do, all its answers come at once and make the generator late: that would be no verdict.)
    for _ in range(TRIES):
        seen = run_under(stack, Paused(SERVER), 6.0, users=20)
        if not seen.saturation:
            break

    with pytest.raises(AssertionError, match=r"load generator: \d+ of \d+ arrivals were dropped"):
        the_generator_check(seen, Evidence())
