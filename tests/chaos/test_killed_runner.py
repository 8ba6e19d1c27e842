"""SIGKILL the runner at any step: the watchdog heals within two seconds, and an independent judge finds nothing left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chaos.effect import Fault
from chaos.faults.container import Paused, Stopped
from chaos.faults.network import Disconnected
from chaos.injection import injected
from chaos.runner import heal_leftovers, journal_of
from stack.waiting import eventually
from tests.chaos.fake_stack import FakeStack

FAULTS: list[Fault] = [Stopped("shop"), Paused("shop"), Disconnected("shop", "net")]
STEPS = ["intent", "effect", "injected", "standing", "revert"]
ROUNDS = int(os.environ.get("SEATRIAL_KILLS", "6"))
ROOT = Path(__file__).parents[2]


def leftovers(root: Path) -> str:
    judge = [sys.executable, str(Path(__file__).with_name("judge.py")), str(root)]
    return subprocess.run(judge, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_runner_leaves_nothing(tmp_path: Path, number: int) -> None:
    seed = int(os.environ.get("SEATRIAL_SEED", "20261124")) + number
    draw = random.Random(seed)
    fault, step, dead = draw.choice(FAULTS), draw.choice(STEPS), draw.choice(["runner", "runner", "both"])
    print(f"seed {seed}: {fault}, {dead} killed at {step}")
    stack: Any = FakeStack(tmp_path)
    command = [sys.executable, "-m", "tests.chaos.victim", str(tmp_path), json.dumps(fault.to_json()), step, dead]

    died = subprocess.run(command, cwd=ROOT, check=False).returncode

    assert died == -9
    if dead == "both":
        # Nobody is left to heal: the next session does, before anything else.
        assert all(healed.ok for healed in heal_leftovers(stack))
    began = time.monotonic()
    eventually(lambda: not leftovers(tmp_path), within=timedelta(seconds=2), every=timedelta(milliseconds=50))
    print(f"healed {time.monotonic() - began:.2f} s after the runner's death")
    # A fault that was still on its way is watched for its time in flight before it is called healed.
    closed = fault.in_flight + timedelta(seconds=3)
    eventually(lambda: not journal_of(stack).standing(), within=closed, every=timedelta(milliseconds=50))
    assert leftovers(tmp_path) == ""


def test_the_judge_sees_what_is_left(tmp_path: Path) -> None:
    stack: Any = FakeStack(tmp_path)
    Paused("shop").inject(stack)

    assert leftovers(tmp_path) == "/fake-shop-1 is paused"


def test_with_the_watchdog_dead_too_the_next_session_heals_first(fake: Any) -> None:
    journal = journal_of(fake)
    from chaos.fingerprint import Fingerprint

    number = journal.intend(Paused("shop").to_json(), Fingerprint.of(fake).to_json())
    Paused("shop").inject(fake)
    journal.note(number, "injected")

    with injected(Paused("till"), fake):
        assert not Paused("shop").active(fake)

    assert leftovers(fake.root) == ""
