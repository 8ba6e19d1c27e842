"""Freezes a service while a deployment changes the stack: journalled like any fault, and thawed by whoever comes later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chaos.effect import RevertFailed
from chaos.faults.container import Paused
from chaos.fingerprint import Fingerprint
from chaos.runner import Runner
from chaos.shield import undisturbed
from chaos.undo import undo

if TYPE_CHECKING:
    from stack.model import Stack


@contextmanager
def frozen(stack: Stack, service: str) -> Iterator[None]:
    """Freeze a service for the length of the block, in the journal like any fault, so that whoever comes later thaws it.

    Not `injected`: that proves that the stack is what it was, and here a deployment changes it at the same time.
    """
    fault, runner = Paused(service), Runner.of(stack)
    runner.make_ready(fault)
    before = Fingerprint.of(stack, fault=fault)
    number = runner.journal.intend(fault.to_json(), before.to_json())
    try:
        fault.inject(stack)
        runner.journal.note(number, "injected")
        yield
    finally:
        with undisturbed():
            try:
                undo(fault, stack, before, only=())
            except RevertFailed as failure:
                runner.journal.note(number, "revert_failed", str(failure))
                raise
            runner.journal.note(number, "reverted")
