"""The stage for faults that the session's stack can't have without harm: a small copy of it, with a disk to fill and a clock to shift."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.stage import Stage
from stack import lifecycle
from stack.beside import beside, serving
from stack.driver import Driver
from stack.errors import CannotTell
from stack.faultable import OVERLAY
from stack.files import private_folder, write_whole
from stack.progress import Progress
from stack.project import COMPOSE_FILE, environment, state_dir

if TYPE_CHECKING:
    from stack.model import Stack

_SUFFIX = "-faults"
_OFFSETS = range(2_000, 6_000, 1_000)
"""Not those of the drills that have a copy of their own too: both may look for free ports in the same moment. All ports stay below
those that the kernel gives to whoever opens a connection (from 32768 on): such a one is free now and taken a moment later."""

_MARK = Path("faults", "made-for-a-rehearsal")
"""In the project's state folder, from before it is brought up until it is down: a project that a person named so has none."""


@contextmanager
def faultable_copy(first: Stack) -> Iterator[Stack]:
    """Bring up what business needs, with the faults overlay; all of it is gone when the block ends.

    Raises CannotTell when the stack is not the reference stack, when somebody else's project has the copy's name, or when the machine
    has no loop devices or no room.
    """
    if first.compose_files[:1] != (COMPOSE_FILE,):
        raise CannotTell("a copy whose disk may be filled and clock shifted is made of the reference stack alone")
    project, quiet = first.project + _SUFFIX, Progress(quiet=True)
    with ExitStack() as undo:
        folder = state_dir(project)
        ours = _require_no_stranger(project, folder)
        if ours:
            lifecycle.down(project, progress=quiet)  # what a killed run left
        second, offset = beside(first, project, _OFFSETS, overlays=[OVERLAY])
        if ours or not folder.exists():
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
        write_whole(private_folder(folder / _MARK.parent, mode=0o755) / _MARK.name, first.project + "\n", mode=0o600)
        undo.callback(lifecycle.down, project, progress=quiet)
        env = environment(project, offset=offset)
        lifecycle.up(project, services=serving(second), overlays=[OVERLAY], env=env, progress=quiet, build=False)
        yield second


def _require_no_stranger(project: str, folder: Path) -> bool:
    """Whether a copy of ours was left. Raises CannotTell when there is a project of that name that no rehearsal made."""
    if (folder / _MARK).is_file():
        return True
    driver = Driver.connect(project, [COMPOSE_FILE], env=environment(project))
    if driver.containers(all=True) or driver.volumes():
        raise CannotTell(
            f"project {project} is there, and no rehearsal made it: it is left alone, with its data; "
            f"whoever needs it no longer: python -m stack down --project {project}"
        )
    return False


FAULTABLE = Stage("faults overlay", faultable_copy)
