"""What breaking something safely costs beyond the break itself, and how soon a dead runner's fault is taken back."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from chaos.campaign.calm import Calm, rounds_of
from chaos.campaign.draw import Kill
from chaos.campaign.small import small_stack
from chaos.campaign.trial import run_doomed
from chaos.examples import EXAMPLES
from chaos.fingerprint import Fingerprint
from chaos.runner import Runner, journal_of
from stack.errors import CannotTell
from stack.model import Stack
from stack.project import COMPOSE_FILE, DEFAULT, environment
from stack.waiting import eventually
from tests.benchmarks.figure import NotMeasured, figure

_ROUNDS = 5
_KILLS = 24
_KILLED_IN = ("paused", "partitioned", "stopped", "latency")
_WITHIN = timedelta(seconds=30)
_OFTEN = timedelta(milliseconds=10)


@contextlib.contextmanager
def _broken_stack() -> Iterator[Stack]:
    try:
        with small_stack(f"st-bench-{os.getpid()}") as stack:
            yield stack
            Runner.of(stack).close()
    except CannotTell as error:
        raise NotMeasured(str(error)) from error


@figure("Overhead of a fault (inject, witness, revert, proof), each fault's median", unit="s", at_most=1.5)
def overhead() -> Sequence[float]:
    """Every fault of the catalogue that the small stack can have, five times; the table goes to the terminal."""
    with _broken_stack() as stack:
        faults = [rounds_of(example, stack, None, _ROUNDS) for _, example in sorted(EXAMPLES.items())]
    print("\n".join(_line(one) for one in faults), file=sys.stderr)
    return [one.overhead_seconds for one in faults if one.rounds]


def _line(one: Calm) -> str:
    if one.reason:
        return f"  {one.effect:<22} not assessed: {one.reason}"
    parts = ("preparing", "injecting", "witnessing", "reverting", "proving")
    told = ", ".join(f"{part} {statistics.median(getattr(each, part) for each in one.rounds):.2f}" for part in parts)
    return f"  {one.effect:<22} {one.overhead_seconds:.2f} s ({told})"


@figure("A killed runner's fault is gone, 24 kills", unit="s", at_most=2.0)
def healing() -> Sequence[float]:
    """From SIGKILL to the fault's not being seen any more on the engine: four kinds of fault, one after the other."""
    with _broken_stack() as stack:
        return [_healed(stack, number) for number in range(1, _KILLS + 1)]


@figure("A killed runner's fault is gone, the slowest of 24 kills", unit="s", at_most=2.0)
def slowest_healing() -> Sequence[float]:
    """As above."""
    return [max(healing())]


def _healed(stack: Stack, number: int) -> float:
    effect = _KILLED_IN[number % len(_KILLED_IN)]
    _, _, killing = run_doomed(Kill(number, effect, "standing", "runner", 0.0), stack)
    if killing is None:
        raise NotMeasured(f"{effect} could not be injected")
    fault = EXAMPLES[effect].fault
    eventually(lambda: not fault.active(stack), within=_WITHIN, every=_OFTEN, what=f"healing {fault}")
    seconds = time.monotonic() - float(killing["at"])
    eventually(
        lambda: not journal_of(stack).standing(), within=_WITHIN, every=_OFTEN, what=f"the proof that {fault} is gone"
    )
    return seconds


@figure("Fingerprint of the whole reference stack", unit="s", at_most=0.3)
def fingerprint() -> Sequence[float]:
    """It is taken twice for each fault. Needs the stack up."""
    stack = Stack.load([COMPOSE_FILE], project=DEFAULT, env=environment(DEFAULT))
    try:
        if not stack.driver.containers():
            raise NotMeasured(f"project {DEFAULT} is not up")
        seen = []
        for _ in range(7):
            began = time.monotonic()
            Fingerprint.of(stack)
            seen.append(time.monotonic() - began)
    except CannotTell as error:
        raise NotMeasured(str(error)) from error
    return seen
