"""Faults of a secret: a service is started with another value than the one it needs."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import Changed
from chaos.faults.places import Place, require_plain

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class SecretWrong(Changed):
    """The service starts with another value in one of its secrets, as after a rotation that was done by half.

    The original stays in the same folder, with the owner and the mode it had. Neither value is ever told: the journal has
    the first digits of the file's checksum.
    """

    name: str
    """The secret's file."""
    folder: str = "/run/secrets"
    """Where the service's container has its secrets."""

    effect: ClassVar[str] = "secret_wrong"
    family: ClassVar[str] = "configuration"

    def __post_init__(self) -> None:
        require_plain(self.paths[0])

    @property
    def paths(self) -> tuple[str, ...]:
        """The secret's file."""
        return (f"{self.folder}/{self.name}",)

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """A value drawn for this one time."""
        return {self.paths[0]: {"kind": "write", "content": base64.b64encode(secrets.token_hex(16).encode()).decode()}}
