"""The method of somebody's Chaos Toolkit file as a fault: its rollbacks are the revert, whatever happened before them.

Chaos Toolkit skips rollbacks after a failure unless told otherwise. Here they are on disk before the first action, run also
when the runner was killed, and what they leave is found by the fingerprint of the stack.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.effect import Fault, RevertFailed
from chaos.fingerprint import Fingerprint
from chaos.toolkit.carrying import Log, carried
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_SHOWN = 60


@dataclass(frozen=True)
class Imported(Fault):
    """The actions and probes of an imported method, in their order."""

    service: str = ""
    """None: what the file's programs do it to is not said."""
    title: str = ""
    """The experiment's title."""
    document: str = ""
    """JSON: method, rollbacks, configuration and secrets as they stand in the file."""

    effect: ClassVar[str] = "imported"
    family: ClassVar[str] = "imported"
    revert_within: ClassVar[timedelta] = timedelta(seconds=120)

    @property
    def targets(self) -> tuple[str, ...]:
        """Not known: the stack's whole fingerprint is compared."""
        return ()

    @property
    def tools(self) -> dict[str, str]:
        """It has no helper containers."""
        return {"seatrial.fault": self.effect}

    def inject(self, stack: Stack) -> None:
        """Carry the method out. Raises CannotTell when one of its actions can't be carried out in time."""
        log = logs_of(self)
        log.clear()
        for activity in self._parts["method"]:
            done = carried(activity, stack, self._values, log, phase="method")
            if not done.ok and activity["type"] == "action":
                raise CannotTell(f"action {done.name!r} could not be carried out: {done.said}")

    def revert(self, stack: Stack) -> None:
        """Carry every rollback out, and each that could not be carried out again when asked again.

        In this process one that was carried out is not repeated; after a killed runner all are. Raises RevertFailed.
        """
        log, failed = logs_of(self), []
        for number, activity in enumerate(self._parts["rollbacks"]):
            if number in log.rolled_back:
                continue
            done = carried(activity, stack, self._values, log, phase="rollback")
            if done.ok:
                log.rolled_back.add(number)
            else:
                failed.append(f"rollback {done.name!r}: {done.said}")
        if failed:
            raise RevertFailed("; ".join(failed))

    def active(self, stack: Stack) -> bool:
        """Never by itself: a file does not say what its effect looks like. The fingerprint and the steady state tell."""
        return False

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """Every action of the method was carried out, with what came of it."""
        actions = [one for one in logs_of(self).done if one.phase == "method" and one.kind == "action"]
        if not actions:
            return f"{len(logs_of(self).done)} probes were asked, no action" if logs_of(self).done else None
        return "; ".join(f"{one.name}: {one.said}" for one in actions)

    @cached_property
    def _parts(self) -> dict[str, Any]:
        return dict(json.loads(self.document))

    @cached_property
    def _values(self) -> Any:
        from chaos.toolkit.values import values_of

        return values_of(self.title, self._parts["configuration"], self._parts["secrets"], os.environ)

    def __str__(self) -> str:
        return f"{self.effect}({self.title[:_SHOWN]})"


_logs: dict[str, Log] = {}


def logs_of(fault: Imported) -> Log:
    """What this process has carried out of the fault."""
    return _logs.setdefault(fault.document, Log())
