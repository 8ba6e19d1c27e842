"""An experiment's check passes where its hypothesis is true, fails where it is false, and says when nothing can be told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.conditions import Conditions
from chaos.experiment import Experiment, Promise
from chaos.faults import Disconnected, Killed
from chaos.probes import healthy
from chaos.runner import Runner
from chaos.test_experiments import test_hypothesis_holds as the_check
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Evidence

COMPOSE = Path(__file__).parents[1] / "failover" / "compose.yaml"
PROJECT = "st-sabotage-chaos"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    found = Stack.load([COMPOSE], project=PROJECT)
    try:
        driver = Driver.connect(PROJECT, found.compose_files)
        driver.image("seatrial/python:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine with seatrial/python:local: {reason}")
    driver.compose("up", "--detach", "--wait")
    yield found
    driver.compose("down", "--volumes", "--timeout", "0")
    Runner.of(found).close()


def comes_back(service: str) -> Experiment:
    return Experiment(
        id="EXP-SAB-001",
        hypothesis=f"{service} comes back by itself",
        fault=Killed(service),
        steady_state=(healthy(service),),
        hold=timedelta(0),
        unaided=True,
        recover_within=timedelta(seconds=5),
    )


def test_a_true_hypothesis_passes_with_its_timeline(stack: Stack) -> None:
    evidence = Evidence()

    the_check(stack, comes_back("sound"), evidence, Conditions())

    assert [moment.text.partition(":")[0] for moment in evidence.timeline][:3] == ["steady", "inject", "witness"]


def test_a_service_that_nobody_restarts_fails(stack: Stack) -> None:
    with pytest.raises(
        AssertionError, match="not steady again by itself within 5 s: forgotten is healthy: forgotten is exited"
    ):
        the_check(stack, comes_back("forgotten"), Evidence(), Conditions())


def test_a_customer_that_must_not_notice_and_does_fails(stack: Stack) -> None:
    experiment = Experiment(
        id="EXP-SAB-002",
        hypothesis="customer needs nobody",
        fault=Disconnected("needy", "inside"),
        steady_state=(healthy("needy", "customer"),),
        throughout=(Promise(healthy("customer")),),
        hold=timedelta(seconds=4),
        recover_within=timedelta(seconds=10),
    )

    with pytest.raises(AssertionError, match="customer is healthy: not for .* s, allowed 0 s"):
        the_check(stack, experiment, Evidence(), Conditions())


def test_a_stack_that_is_not_steady_is_inconclusive(stack: Stack) -> None:
    stack.driver.stop(stack.container("sound").id, grace_seconds=0)
    try:
        with pytest.raises(CannotTell, match=r"not steady beforehand, nor .* s later, so nothing was injected"):
            the_check(stack, comes_back("sound"), Evidence(), Conditions())
    finally:
        stack.driver.start(stack.driver.container_ids("sound", all=True)[0])
