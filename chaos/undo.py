"""Take a fault back and prove that it is gone, within a bound: what a run, its end and the watchdog all do alike."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.effect import Fault, RevertFailed
from chaos.fingerprint import Fingerprint
from chaos.shield import TookTooLong, bounded
from stack.errors import SeatrialError
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack

_EVERY = 0.2
LEAST = timedelta(seconds=5)
"""What each attempt gets, the last one too: an attempt that is cut off at once shows nothing and hides what was wrong before."""


@dataclass(frozen=True)
class Proof:
    """How a fault was seen to be gone."""

    reverted_seconds: float
    """From the start of the revert to its return."""
    proved_seconds: float
    """From the start of the revert to the fingerprint being equal again."""


def undo(
    fault: Fault, stack: Stack, before: Fingerprint, *, only: Iterable[str] | None = None, later: bool = False
) -> Proof:
    """Revert `fault` and wait until it is seen to be gone and the fingerprint is `before`'s.

    `only` narrows the comparison to these keys of the fingerprint; `later` is for a healer that comes when others may have
    been at work since (`Fingerprint.differences`). Raises RevertFailed, with what still differs, when the bound passes; the last
    attempt may go on for LEAST after it.
    """
    began = time.monotonic()
    deadline = began + fault.revert_within.total_seconds()
    reverted: float | None = None
    trouble = ""
    while True:
        left = max(LEAST, timedelta(seconds=deadline - time.monotonic()))
        try:
            bounded(lambda: fault.revert(stack), within=left, what=f"the revert of {fault}")
            reverted = reverted or time.monotonic() - began
            still = standing(fault, stack, before, only=only, later=later)
            if not still:
                return Proof(reverted, time.monotonic() - began)
            trouble = "; ".join(still)
        except TookTooLong as error:
            trouble = f"{error}, and before that: {trouble}" if trouble else str(error)
        except SeatrialError as error:
            trouble = str(error)
        # Whatever else a fault's code raises is a failed revert too: the fault stands, and somebody must be told.
        except Exception as error:  # noqa: BLE001 - becomes REVERT_FAILED below
            trouble = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            waited = time.monotonic() - began
            raise RevertFailed(f"REVERT_FAILED: {fault} could not be proved gone in {waited:.1f} s: {trouble}")
        pause(_EVERY)


def standing(
    fault: Fault, stack: Stack, before: Fingerprint, *, only: Iterable[str] | None = None, later: bool = False
) -> list[str]:
    """What is left of the fault: sentences, empty when it is gone and the stack is what it was."""
    if fault.active(stack):
        return [f"{fault} is still seen"]
    after = Fingerprint.of(stack, fault=fault)
    if only is None:
        return before.differences(after, later=later)
    keys = frozenset(only)
    return narrowed(before, keys, after).differences(narrowed(after, keys, before))


def narrowed(fingerprint: Fingerprint, keys: frozenset[str], other: Fingerprint) -> Fingerprint:
    """Only `keys`, and only of services that `other` has too."""
    return Fingerprint(
        {
            name: {key: value for key, value in state.items() if key in keys}
            for name, state in fingerprint.services.items()
            if name in other.services
        },
        touched=fingerprint.touched,
    )
