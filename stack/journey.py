"""The stack's business as one protocol, so that restores, failovers and loads all measure loss in the same coin.

A journey writes (`act`) and later looks for what was acknowledged (`verify`). `python -m stack.journey run` does both.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from stack.errors import UserError

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Ack:
    """A write that the stack has acknowledged, and therefore must not lose."""

    sequence: int
    """The stack's own number of the write; later writes have higher ones."""
    kind: str
    at: float
    """When the acknowledgement arrived, in Unix seconds."""
    key: str
    """What identifies the written thing for reading it back."""


@dataclass(frozen=True)
class Wrong:
    """An acknowledged write that is there and is not what was acknowledged."""

    ack: Ack
    reason: str


@dataclass(frozen=True)
class Losses:
    """What became of acknowledged writes."""

    lost: tuple[Ack, ...] = ()
    duplicated: tuple[Ack, ...] = ()
    wrong: tuple[Wrong, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was lost, done twice or changed."""
        return bool(self.lost or self.duplicated or self.wrong)

    def __str__(self) -> str:
        """One sentence, with the first of each kind."""
        if not self:
            return "nothing lost, duplicated or wrong"
        parts = []
        for name, acks in (("lost", self.lost), ("duplicated", self.duplicated)):
            if acks:
                parts.append(f"{len(acks)} {name} (first: {acks[0].kind} {acks[0].key}, sequence {acks[0].sequence})")
        if self.wrong:
            first = self.wrong[0]
            parts.append(f"{len(self.wrong)} wrong (first: {first.ack.kind} {first.ack.key}: {first.reason})")
        return ", ".join(parts)


@runtime_checkable
class Journey(Protocol):
    """A stack's business. Its class is named by the profile and called with the Stack and the profile's options."""

    def act(self) -> Ack:
        """Do the next write and return once it is acknowledged.

        Raises:
            CannotTell: no whole answer came, so whether it was done is unknown.
            SeatrialError: the stack refused, so nothing was done.

        """

    def verify(self, acks: Sequence[Ack]) -> Losses:
        """Read back what was acknowledged.

        Raises:
            CannotTell: the stack could not be asked.

        """


def journey_of(stack: Stack) -> Journey:
    """Make the journey that the stack's profile names.

    Raises:
        UserError: the profile names none, or one that can't be imported.

    """
    said = stack.profile.journey
    if said is None:
        message = stack.profile.missing('[journey] class = "package.module:Class"')
        raise UserError(message)
    module, _, name = said.path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)(stack, **said.options)
    except (ImportError, AttributeError, TypeError) as error:
        message = f"[journey] class = {said.path!r} can't be used: {error}"
        raise UserError(message) from error
    if not isinstance(made, Journey):
        message = f"[journey] class = {said.path!r} has no act and verify"
        raise UserError(message)
    return made


if __name__ == "__main__":
    import sys

    from stack.sailing import main

    sys.exit(main())
