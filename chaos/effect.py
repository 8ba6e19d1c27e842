"""What a fault is, so that each can be written to disk, replayed, undone and seen to be gone by somebody else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from stack.errors import SeatrialError

if TYPE_CHECKING:
    from chaos.fingerprint import Fingerprint
    from stack.model import Stack


class RevertFailed(SeatrialError):
    """A fault could not be proved gone. It is a result in its own right: it stops all further faults and fails the gate.

    `revert_failed` lets the reports recognise it without importing this package (imports go one way).
    """

    revert_failed = True


@dataclass(frozen=True)
class Fault(ABC):
    """Something done to one service of the stack: names and numbers only.

    Targets are found again by every method: nothing about containers is remembered between calls, because the target
    may have been restarted or replaced in between. Subclasses are frozen dataclasses of JSON values.
    """

    service: str

    effect: ClassVar[str]
    """The name of the effect: what it is called in the journal, on the command line and in docs/faults.md."""
    family: ClassVar[str]
    """The catalogue's family: container, network, resource, data or configuration."""
    revert_within: ClassVar[timedelta] = timedelta(seconds=45)
    """The bound on revert and proof together. A stack's slowest health check must fit in."""
    outlives_containers: ClassVar[bool] = False
    """Whether what it does is kept somewhere that stays when every container is replaced: in a volume, in a folder."""
    goes_after: ClassVar[timedelta | None] = None
    """After how long it goes by itself, where it does so whatever its parameters say."""
    in_flight: ClassVar[timedelta] = timedelta(seconds=1)
    """For how long the effect may still arrive after the runner that asked for it was killed half-way."""

    @abstractmethod
    def inject(self, stack: Stack) -> None:
        """Cause the effect. Raises CannotTell when this machine or target can't have it."""

    @abstractmethod
    def revert(self, stack: Stack) -> None:
        """Restore the state that the stack declares. Idempotent: works before, during, after and without `inject`."""

    @abstractmethod
    def active(self, stack: Stack) -> bool:
        """Is the effect there now? Observed, never remembered."""

    @abstractmethod
    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """Evidence, in a sentence, that the fault bit; None while there is none. `before` is the stack before it."""

    def touched(self, stack: Stack) -> dict[str, str]:
        """What of the stack only this fault changes, by name: a file's checksum and owner, a limit, a clock's offset.

        Part of the fingerprint before and after it. Raises CannotTell when it can't be looked at.
        """
        return {}

    @property
    def targets(self) -> tuple[str, ...]:
        """Every service it does something to."""
        return (self.service,)

    @property
    def tools(self) -> dict[str, str]:
        """The labels of the helper containers that work for this fault, so that it removes its own and no other's."""
        return {"seatrial.fault": str(self)}

    @property
    def parameters(self) -> dict[str, Any]:
        """The fault's names and numbers."""
        return asdict(self)

    def to_json(self) -> dict[str, Any]:
        """What the journal keeps: the effect and its parameters."""
        return {"effect": self.effect, "parameters": self.parameters}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """The fault that `to_json` described. JSON has no tuples, so lists become tuples."""
        known = {field.name for field in fields(cls)}
        told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items() if k in known}
        return cls(**told)

    def __str__(self) -> str:
        rest = {k: v for k, v in self.parameters.items() if k != "service" and v not in ((), "", None)}
        inside = ", ".join([self.service, *(f"{k}={_shown(v)}" for k, v in rest.items())])
        return f"{self.effect}({inside})"


def _shown(value: object) -> str:
    return "+".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
