"""The one way to break something: intent on disk, effect, revert, proof, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.effect import Fault, RevertFailed
from chaos.fingerprint import Fingerprint
from chaos.runner import Runner
from chaos.shield import undisturbed
from chaos.undo import Proof, undo

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass
class Injection:
    """A fault that stands, and afterwards how it went away."""

    fault: Fault
    before: Fingerprint
    began: float = field(default_factory=time.monotonic)
    """When the effect was asked for, on the monotonic clock."""
    injected_seconds: float = 0.0
    proof: Proof | None = None


def _to_nobody(_step: str) -> None:
    return


@contextmanager
def injected(fault: Fault, stack: Stack, *, told: Callable[[str], None] = _to_nobody) -> Iterator[Injection]:
    """Inject `fault` for the length of the block.

    The intent is on disk and fsynced before the effect; the revert runs whatever the block does, is not disturbed by
    signals, and ends with the proof that the fault is gone and the fingerprint is back. `told` hears of each step:
    intent, injected, revert, proved.

    Raises RevertFailed (over whatever the block raised) when the proof can't be had, UserError and CannotTell before
    anything is injected.
    """
    runner = Runner.of(stack)
    runner.make_ready(fault)
    before = Fingerprint.of(stack, fault=fault)
    number = runner.journal.intend(fault.to_json(), before.to_json())
    told("intent")
    injection = Injection(fault, before)
    try:
        fault.inject(stack)
        injection.injected_seconds = time.monotonic() - injection.began
        runner.journal.note(number, "injected")
        told("injected")
        yield injection
    finally:
        with undisturbed():
            told("revert")
            try:
                injection.proof = undo(fault, stack, before)
            except RevertFailed as failure:
                runner.journal.note(number, "revert_failed", str(failure))
                raise
            runner.journal.note(number, "reverted")
            told("proved")
