"""A silence set before Alertmanager goes away: whoever silenced an alert at 3 a.m. is not to be woken by a restart."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.http import Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_LASTING = timedelta(minutes=2)


@dataclass
class KeptSilence:
    """One silence a project, of an alert that does not exist; it ends by itself."""

    _set: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> Probe:
        """The silence is active; the first question sets it, and so does the first after it has ended."""
        return Probe("Alertmanager keeps its silences", self._forgotten)

    def _forgotten(self, stack: Stack) -> str | None:
        try:
            known = {one.id: one for one in stack.alertmanager.silences()}
        except (CannotTell, Refused) as error:  # it is away, or is starting
            return str(error)
        silence = self._set.get(stack.project)
        if silence is not None and silence not in known:
            return f"silence {silence} is forgotten"
        if silence is None or not known[silence].is_active:
            matchers = {"alertname": "SeatrialExperiment", "service": f"silenced-{secrets.token_hex(4)}"}
            comment = "set to see whether it is kept"
            self._set[stack.project] = stack.alertmanager.silence(
                matchers, lasting=_LASTING, author="seatrial", comment=comment
            )
        return None
