"""Carries out the activities of an imported file one by one, with their pauses, and keeps what came of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.toolkit.providers import carry_out, summary
from chaos.toolkit.reading import LONGEST_PAUSE_SECONDS
from chaos.toolkit.values import Values
from stack.errors import CannotTell
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Done:
    """One activity that was carried out, or could not be; times on the monotonic clock."""

    phase: str
    kind: str
    name: str
    began: float
    ended: float
    ok: bool
    said: str


@dataclass
class Log:
    """What was done of one file in this process."""

    done: list[Done] = field(default_factory=list)
    rolled_back: set[int] = field(default_factory=set)

    def clear(self) -> None:
        """Begin anew: the same file is run again."""
        self.done.clear()
        self.rolled_back.clear()


def carried(activity: Mapping[str, Any], stack: Stack, values: Values, log: Log, *, phase: str) -> Done:
    """Carry it out with its pauses. Never raises CannotTell: that is in the answer, and in the log."""
    name, pauses = str(activity["name"]), values.filled(activity.get("pauses") or {})
    pause(_seconds(pauses.get("before")))
    began = time.monotonic()
    try:
        answer = carry_out(values.filled(activity["provider"]), stack, name)
        ok, said = True, summary(answer)
    except CannotTell as error:
        ok, said = False, str(error)
    done = Done(phase, str(activity["type"]), name, began, time.monotonic(), ok, values.hidden(said))
    log.done.append(done)
    pause(_seconds(pauses.get("after")))
    return done


def _seconds(given: Any) -> float:
    try:
        return min(max(float(given or 0), 0.0), LONGEST_PAUSE_SECONDS)
    except (TypeError, ValueError) as error:
        raise CannotTell(f"a pause of {given!r} is no number of seconds") from error
