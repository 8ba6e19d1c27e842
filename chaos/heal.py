"""Undo whatever an earlier runner left standing: at a session's start and end, by the watchdog, and by a person at 3 a.m."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chaos.effect import Fault, RevertFailed
from chaos.faults import FAULTS, decode
from chaos.fingerprint import Fingerprint
from chaos.journal import Intent, Journal
from chaos.undo import standing, undo
from stack.errors import SeatrialError
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Healed:
    """What became of one leftover."""

    what: str
    ok: bool
    message: str


def heal(stack: Stack, journal: Journal) -> list[Healed]:
    """Revert every standing intent of the journal, newest first, and remove fault tools that outlived their runner.

    The caller holds the project's lock. Failures are in the answer and in the journal, never raised: one fault that
    can't be undone must not keep the others standing.
    """
    intents = journal.standing()
    if not intents:
        return []
    present = {container["Id"] for container in stack.driver.containers(all=True)}
    gone = [
        intent
        for intent in intents
        if not _outlives(intent) and (not present or (_ids(intent) and not present & _ids(intent)))
    ]
    for intent in gone:
        journal.note(intent.number, "healed", "the project has none of its containers of then any more")
    done = [Healed(_name(intent), True, "gone with its project") for intent in gone]
    intents = [intent for intent in intents if intent not in gone]
    if not intents:
        return done
    for intent in reversed(intents):
        _revert_blindly(intent, stack)
    # Newer intents saw the older ones' effects, so the oldest one's idea of "before" is right, once all are reverted.
    known = [Fingerprint.from_json(intent.before) for intent in intents]
    touched = {what: state for one in reversed(known) for what, state in one.touched.items()}
    before = replace(known[0], touched=touched)
    return [*done, *(_heal_one(intent, before, stack, journal) for intent in intents)]


def _ids(intent: Intent) -> set[str]:
    """The project's containers when the fault was begun: what it did, it did in them, and a project taken down took it along."""
    return {str(was["id"]) for was in Fingerprint.from_json(intent.before).incarnations.values()}


def _outlives(intent: Intent) -> bool:
    """Whether it did something that stays when the containers go: a volume's file is as wrong for those that come after."""
    effect = FAULTS.get(str(intent.fault.get("effect")))
    return effect is not None and effect.outlives_containers


def _heal_one(intent: Intent, before: Fingerprint, stack: Stack, journal: Journal) -> Healed:
    try:
        fault = decode(intent.fault)
        undo(fault, stack, before, later=True)
        if not intent.injected:
            _outwait(fault, stack, before)
    except SeatrialError as error:
        return _failed(intent, str(error), journal)
    # Whatever else it raises is a failed revert of this one, told and noted, and none of the others'.
    except Exception as error:  # noqa: BLE001 - becomes the answer
        return _failed(intent, f"REVERT_FAILED: {_name(intent)}: {type(error).__name__}: {error}", journal)
    journal.note(intent.number, "healed")
    return Healed(_name(intent), True, "reverted, and seen to be gone")


def _failed(intent: Intent, message: str, journal: Journal) -> Healed:
    journal.note(intent.number, "revert_failed", message)
    return Healed(_name(intent), False, message)


def _outwait(fault: Fault, stack: Stack, before: Fingerprint) -> None:
    """The runner died while it was injecting: the engine may still be carrying the request out."""
    until = time.monotonic() + fault.in_flight.total_seconds()
    while time.monotonic() < until:
        pause(0.1)
        seen = _seen(lambda: fault.active(stack))
        if seen is not False:
            undo(fault, stack, before, later=True)
        if seen:
            return
    if _seen(lambda: bool(standing(fault, stack, before, later=True))) is not False:
        undo(fault, stack, before, later=True)


def _seen(look: Callable[[], bool]) -> bool | None:
    """What is seen; None where nobody could look just now (a container has ended a moment ago, a program is being reloaded).

    That is no proof that the fault is gone, and no failed revert: `undo` looks again and again, and says so if it stays.
    """
    try:
        return look()
    except Exception:  # noqa: BLE001 - asked again by undo, which tells
        return None


def _revert_blindly(intent: Intent, stack: Stack) -> None:
    try:
        decode(intent.fault).revert(stack)
    except Exception:  # noqa: BLE001 - not swallowed: the same revert is tried again with a proof, and that one reports
        return


def _name(intent: Intent) -> str:
    try:
        return str(decode(intent.fault))
    except Exception:  # noqa: BLE001 - what can't be read as a fault has still a name to be told by
        return f"{intent.fault.get('effect')}({intent.fault.get('parameters')})"


def raise_if_any_failed(healed: list[Healed]) -> None:
    """Raises RevertFailed naming every leftover that could not be healed."""
    if failed := [each.message for each in healed if not each.ok]:
        raise RevertFailed("; ".join(failed))
