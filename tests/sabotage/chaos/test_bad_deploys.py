"""The DeployMachine finds deployments that are hasty, trusting, tidy and stubborn, and leaves the stack as it was all the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chaos.fingerprint import Fingerprint
from chaos.machines.campaign import Trial, Wish
from chaos.machines.deployments import DeployMachine
from chaos.machines.plan import Plan, Step
from chaos.runner import Runner
from chaos.test_machines import test_nothing_is_lost_whatever_comes as the_check
from stack.model import Stack
from suites.check import Evidence
from tests.integration.escrow_stack import escrow_stack

PROJECT = f"st-sabotage-deploys-{os.getpid()}"
OFFSET = 25000


@pytest.fixture(scope="module")
def market() -> Iterator[Stack]:
    with escrow_stack(PROJECT, OFFSET) as stack:
        yield stack
        Runner.of(stack).close()


def tried(stack: Stack, defect: str | None, *steps: Step) -> None:
    """Perform the steps with a deployment that has the defect."""
    bad = (sys.executable, "-m", "tests.sabotage.chaos.bad_deploys", defect or "")
    machine = DeployMachine(bad) if defect else DeployMachine()
    plan = Plan("deployments", steps)
    machine.check(plan)
    the_check(stack, Trial(machine, frozenset()), Wish(replay=plan, minimise_within=timedelta(0)), Evidence())


def deploy(release: str) -> Step:
    return Step("deploy", {"release": release})


ORDER = Step("order", {"key": 0})


def test_a_sound_deployment_passes_where_the_defective_ones_fail(market: Stack) -> None:
    tried(market, None, ORDER, deploy("sound-a"), deploy("never-ready"), deploy("fails-customers"))


@pytest.mark.parametrize(
    ("defect", "release", "told"),
    [
        ("hasty", "never-ready", "never-ready was deployed with exit code 0"),
        ("trusting", "fails-customers", "fails-customers was deployed with exit code 0"),
        ("tidy", "sound-a", r"customers were sent away for [0-9.]+ s while sound-a was deployed"),
        ("stubborn", "never-ready", "a deployment came to its end, and left starting written down"),
    ],
)
def test_a_defective_one_is_found_and_the_stack_is_as_before(
    market: Stack, defect: str, release: str, told: str
) -> None:
    before = Fingerprint.of(market)

    with pytest.raises(AssertionError, match=told):
        tried(market, defect, ORDER, deploy(release))

    assert before.differences(Fingerprint.of(market)) == []
