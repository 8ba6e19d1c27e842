"""Faults of what one is told: an alert is silenced, and nobody hears of what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from chaos.effect import Fault
from chaos.faults.targets import running
from chaos.fingerprint import Fingerprint
from stack.clients.alertmanager import Alertmanager, Silence

if TYPE_CHECKING:
    from stack.model import Stack

_AUTHOR = "seatrial"


@dataclass(frozen=True)
class RuleMuted(Fault):
    """A silence at Alertmanager keeps one alert from being told, as one that was meant for a maintenance and forgotten."""

    alert: str
    """The alert's name."""
    port: int = 9093
    """Where the service answers, in its container."""
    expires_seconds: int = 600
    """After how long Alertmanager itself ends it, should nobody ever revert."""

    effect: ClassVar[str] = "rule_muted"
    family: ClassVar[str] = "configuration"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def inject(self, stack: Stack) -> None:
        """Ask for the silence."""
        running(stack, self.service)
        self._manager(stack).silence(
            {"alertname": self.alert},
            lasting=timedelta(seconds=self.expires_seconds),
            author=_AUTHOR,
            comment=str(self),
        )

    def revert(self, stack: Stack) -> None:
        """End every silence that carries this fault's name; other people's are left alone."""
        for silence in self._ours(stack):
            self._manager(stack).unsilence(silence.id)

    def active(self, stack: Stack) -> bool:
        """Whether Alertmanager holds such a silence."""
        return bool(self._ours(stack))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """Alertmanager says which silence holds, and until when."""
        for silence in self._ours(stack):
            return f"{self.alert} is silenced until {silence.ends_at:%H:%M:%S} UTC by silence {silence.id}"
        return None

    def touched(self, stack: Stack) -> dict[str, str]:
        """The silences of ours that hold."""
        return {
            f"{self.service}: silences for {self.alert}": ", ".join(one.comment for one in self._ours(stack)) or "none"
        }

    def _ours(self, stack: Stack) -> list[Silence]:
        held = self._manager(stack).silences()
        return [one for one in held if one.is_active and one.author == _AUTHOR and one.comment == str(self)]

    def _manager(self, stack: Stack) -> Alertmanager:
        address, port = stack.published(self.service, self.port)
        return Alertmanager(f"http://{address}:{port}")
