"""Another stack than the session's, for experiments that need one: a copy with an overlay, brought up once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.errors import CannotTell, SeatrialError

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Stage:
    """A way to another stack. Stages of one name are one: their experiments share what `open` made."""

    name: str
    open: Callable[[Stack], AbstractContextManager[Stack]] = field(compare=False)
    """Takes the session's stack; yields the other one, running. Raises CannotTell where it can't be had."""


class Stages:
    """The stages of a session: each is opened at its first experiment, and all are closed at the end."""

    def __init__(self) -> None:
        self._open: dict[str, Stack | SeatrialError] = {}
        self._until_the_end = ExitStack()

    def stack_of(self, stage: Stage, stack: Stack) -> Stack:
        """The stage's stack. Raises CannotTell, with the same reason each time, when it can't be had."""
        if stage.name not in self._open:
            try:
                self._open[stage.name] = self._until_the_end.enter_context(_healed(stage, stack))
            except SeatrialError as error:
                self._open[stage.name] = error
        found = self._open[stage.name]
        if isinstance(found, SeatrialError):
            raise CannotTell(f"stage {stage.name}: {found}") from found
        return found

    def close(self) -> None:
        """Take all of them down, the last one first."""
        self._open.clear()
        self._until_the_end.close()


@contextmanager
def _healed(stage: Stage, stack: Stack) -> Iterator[Stack]:
    """Open the stage, and end its runner (heal, lock, watchdog) before it goes."""
    from chaos.heal import raise_if_any_failed
    from chaos.runner import close, heal_leftovers

    with stage.open(stack) as other:
        raise_if_any_failed(heal_leftovers(other))
        try:
            yield other
        finally:
            raise_if_any_failed(close(other))
