"""The stage for faults that the session's stack can't have without harm: a small copy of it, with a disk to fill and a clock to shift."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from chaos.stage import Stage
from stack import lifecycle
from stack.beside import beside, serving
from stack.errors import CannotTell
from stack.faultable import OVERLAY
from stack.progress import Progress
from stack.project import COMPOSE_FILE, environment

if TYPE_CHECKING:
    from stack.model import Stack

_SUFFIX = "-faults"
_OFFSETS = range(2_000, 6_000, 1_000)
"""Not those of the drills that have a copy of their own too: both may look for free ports in the same moment. All ports stay below
those that the kernel gives to whoever opens a connection (from 32768 on): such a one is free now and taken a moment later."""


@contextmanager
def faultable_copy(first: Stack) -> Iterator[Stack]:
    """Bring up what business needs, with the faults overlay; all of it is gone when the block ends.

    Raises CannotTell when the stack is not the reference stack, or the machine has no loop devices or no room.
    """
    if first.compose_files[:1] != (COMPOSE_FILE,):
        raise CannotTell("a copy whose disk may be filled and clock shifted is made of the reference stack alone")
    project, quiet = first.project + _SUFFIX, Progress(quiet=True)
    with ExitStack() as undo:
        lifecycle.down(project, progress=quiet)  # what a killed run left
        second, offset = beside(first, project, _OFFSETS, overlays=[OVERLAY])
        undo.callback(shutil.rmtree, second.state_dir, ignore_errors=True)
        undo.callback(lifecycle.down, project, progress=quiet)
        env = environment(project, offset=offset)
        lifecycle.up(project, services=serving(second), overlays=[OVERLAY], env=env, progress=quiet, build=False)
        yield second


FAULTABLE = Stage("faults overlay", faultable_copy)
