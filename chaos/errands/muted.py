"""An alert that fires while somebody's silence keeps it from being told: held, shown as silenced, and told to nobody."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_LASTING = timedelta(seconds=30)
"""Far longer than a critical alert waits for its first message (5 s, stack/config/alertmanager: what has ended by then is told
to nobody, silenced or not), and it has ended before its group's turn comes again (1 min), when the silence may be gone."""
_HELD_WITHIN = timedelta(seconds=10)


@dataclass
class MutedAlert:
    """One alert of this name a run and project, about a service that does not exist."""

    name: str
    _raised: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @property
    def audible(self) -> Probe:
        """Nobody silences alerts of this name; a silence of somebody's own is not ours to end."""
        return Probe(f"nobody silences {self.name}", self._silenced)

    @property
    def raised(self) -> Probe:
        """Alertmanager accepts the alert."""
        return Probe(f"{self.name} is raised", self._raise)

    @property
    def held(self) -> Probe:
        """Alertmanager has it, says that it is silenced, and by which silence."""
        return Probe(f"{self.name} is held and shown as silenced", self._lost, _HELD_WITHIN)

    @property
    def untold(self) -> Probe:
        """Nobody was told of it. To be asked once something that was raised later was told: then its turn has been.

        Raises CannotTell once it has ended by itself.
        """
        return Probe(f"nobody is told of {self.name}", self._told)

    def _silenced(self, stack: Stack) -> str | None:
        for one in stack.alertmanager.silences():
            if one.is_active and one.matchers.get("alertname") == self.name:
                return f"{one.author} silences it until {one.ends_at:%H:%M:%S}: {one.comment}"
        return None

    def _raise(self, stack: Stack) -> str | None:
        service = f"experiment-{secrets.token_hex(4)}"
        self._raised[stack.project] = service, datetime.now(UTC)
        labels = {"alertname": self.name, "severity": "critical", "service": service}
        summary = "Raised by an experiment under a silence; it ends by itself"
        stack.alertmanager.post(labels, {"summary": summary}, lasting=_LASTING)
        return None

    def _lost(self, stack: Stack) -> str | None:
        service, _ = self._raised[stack.project]
        held = stack.alertmanager.alerts(f'alertname="{self.name}"', f'service="{service}"')
        if not held:
            return "Alertmanager does not hold it"
        known = {one.id: one.comment for one in stack.alertmanager.silences() if one.is_active}
        if held[0].state != "suppressed" or not set(held[0].silenced_by) & known.keys():
            return f"it is {held[0].state}, silenced by {held[0].silenced_by or 'nobody'}"
        return None

    def _told(self, stack: Stack) -> str | None:
        service, since = self._raised[stack.project]
        passed = datetime.now(UTC) - since
        for at, alert in stack.receiver.alerts(since, name=self.name):
            if alert.labels.get("service") == service:
                return f"it was told at {at:%H:%M:%S}"
        if passed >= _LASTING:
            raise CannotTell(f"{self.name} ended by itself, {passed.total_seconds():.0f} s after it was raised")
        return None
