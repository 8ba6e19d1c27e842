"""Comes by a running stack in one of four ways, and hands back how to take down what was started (None: nothing was)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from stack.errors import CannotTell, NoEngine
from suites.choice import Choice, How

TakeDown = Callable[[], None]


def bring_up(choice: Choice) -> TakeDown | None:
    """Have the chosen stack running.

    Raises:
        UserError: something the caller can mend stands in the way.
        CannotTell: the stack does not run and nobody asked to start it, or it can't be started.

    """
    return {How.OURS: _ours, How.ATTACHED: _attached, How.FOREIGN: _attached, How.COPY: _copy}[choice.how](choice)


@contextmanager
def prepared(choice: Choice) -> Iterator[None]:
    """Have what a bring-up of the reference stack makes on the host; nothing for any other stack. Afterwards rendered
    secrets are gone again unless the stack runs.

    Checks that only read files run before the bring-up; on a fresh clone the secrets would not be there yet.

    Raises:
        UserError: a key to existing secrets is missing.

    """
    from stack import lifecycle
    from stack.engine import ensure_engine
    from stack.progress import Progress

    if choice.how is not How.OURS:
        yield
        return
    ensure_engine(Progress(), install=False)
    lifecycle.prepare(choice.stack.project)
    try:
        yield
    finally:
        with suppress(NoEngine):
            lifecycle.unprepare(choice.stack.project)


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


def require_running(choice: Choice) -> None:
    """Refuse a stack of others that does not run. Raises CannotTell."""
    stack = choice.stack
    if not stack.is_running:
        hint = "" if choice.how is How.ATTACHED else "; --up starts an isolated copy of it"
        message = f"the project {stack.project} is not running{hint}"
        raise CannotTell(message)


def _attached(choice: Choice) -> None:
    require_running(choice)
    choice.stack.attached = True


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
