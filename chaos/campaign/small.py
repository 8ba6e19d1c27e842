"""Brings the small stack up as a project of its own and takes it down: what is broken hundreds of times is nobody's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack import tls
from stack.driver import Driver
from stack.errors import CannotTell, SeatrialError
from stack.files import private_folder, write_whole
from stack.model import Stack
from stack.project import ROOT, state_dir

COMPOSE_FILE = Path(__file__).with_name("compose.yaml")
_IMAGES = ("seatrial/python:local", "seatrial/nginx:local", "seatrial/server:local", "seatrial/faultbox:local")
_UP_WITHIN_SECONDS = 90


def variables(project: str) -> dict[str, str]:
    """What compose.yaml is rendered with. The subnet follows from the process, so that two campaigns don't meet in one."""
    return {"SEATRIAL_STATE_DIR": str(state_dir(project)), "CAMPAIGN_SUBNET": f"10.96.{os.getpid() % 254 + 1}"}


@contextmanager
def small_stack(project: str) -> Iterator[Stack]:
    """The small stack, healthy, for the length of the block; with everything of it gone afterwards.

    Raises CannotTell when the engine or an image is missing, or a project of that name is there already.
    """
    env = variables(project)
    driver = Driver.connect(project, [COMPOSE_FILE], env=env)
    for image in _IMAGES:
        driver.image(image)
    if driver.containers(all=True):
        raise CannotTell(f"project {project} is there already, and only one that is made for it is broken")
    state = private_folder(state_dir(project), mode=0o755)
    try:
        tls.ensure(ROOT, state)
        write_whole(private_folder(state / "edge", mode=0o755) / "active.conf", "set $active_colour web;\n", mode=0o644)
        _up(driver)
        yield Stack.load([COMPOSE_FILE], project=project, env=env)
    finally:
        # Whatever the block ends with comes first; what can't be taken down is seen by who looks at the engine.
        with suppress(SeatrialError):
            driver.remove_helpers()
        driver.compose("down", "--volumes", "--timeout", "0", check=False)
        shutil.rmtree(state, ignore_errors=True)


def renew(stack: Stack) -> None:
    """Make it anew, containers, network and volume: what one kill left is not counted again for those after it.

    Raises CannotTell when it doesn't come up.
    """
    stack.driver.remove_helpers()
    stack.driver.compose("down", "--volumes", "--timeout", "0")
    _up(stack.driver)


def _up(driver: Driver) -> None:
    driver.compose("up", "--detach", "--wait", timeout_seconds=_UP_WITHIN_SECONDS)
