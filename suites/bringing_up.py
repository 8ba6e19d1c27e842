"""Comes by a running stack in one of four ways, and hands back how to take down what was started (None: nothing was)."""

from __future__ import annotations

from collections.abc import Callable

from stack.errors import CannotTell
from suites.choice import Choice, How

TakeDown = Callable[[], None]


def bring_up(choice: Choice) -> TakeDown | None:
    """Have the chosen stack running.

    Raises:
        UserError: something the caller can mend stands in the way.
        CannotTell: the stack does not run and nobody asked to start it, or it can't be started.

    """
    return {How.OURS: _ours, How.ATTACHED: _attached, How.FOREIGN: _attached, How.COPY: _copy}[choice.how](choice)


def _ours(choice: Choice) -> TakeDown | None:
    from stack import lifecycle
    from stack.engine import ensure_engine
    from stack.interruption import undisturbed
    from stack.progress import Progress

    progress = Progress()
    ensure_engine(progress, install=False)
    stack = choice.stack
    if lifecycle.is_unchanged(stack.project, without=stack.excluded):
        return None
    ran_before = lifecycle.state(stack.project).is_running
    lifecycle.up(stack.project, without=stack.excluded, progress=progress)

    def take_down() -> None:
        with undisturbed():
            lifecycle.down(stack.project, progress=Progress())

    return None if ran_before else take_down


def _attached(choice: Choice) -> None:
    stack = choice.stack
    if not stack.is_running:
        hint = "" if choice.how is How.ATTACHED else "; --up starts an isolated copy of it"
        message = f"the project {stack.project} is not running{hint}"
        raise CannotTell(message)
    stack.attached = True


def _copy(choice: Choice) -> TakeDown | None:
    from stack.copy import start_copy
    from stack.interruption import interruptible, undisturbed
    from stack.progress import Progress

    with interruptible():
        copy = start_copy(choice.stack, Progress())

    def take_down() -> None:
        with undisturbed():
            copy.remove()

    return take_down
