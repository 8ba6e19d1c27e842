"""Brings the small stack up as a project of its own and takes it down: what is broken hundreds of times is nobody's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
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
    """What compose.yaml is rendered with; of the subnets for it one that this host has no route to, or any when all are taken."""
    first = os.getpid()
    taken = _routed()
    free = (f"10.96.{(first + number) % 254 + 1}" for number in range(254))
    subnet = next((one for one in free if one not in taken), f"10.96.{first % 254 + 1}")
    return {"SEATRIAL_STATE_DIR": str(state_dir(project)), "CAMPAIGN_SUBNET": subnet}


def _routed() -> set[str]:
    """The first three numbers of every network that this host has a route to: /proc/net/route has them as 004D600A, backwards."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return set()
    words = (bytes.fromhex(line.split()[1]) for line in lines)
    return {".".join(str(number) for number in reversed(word[1:])) for word in words}


def require(project: str, env: Mapping[str, str] | None = None) -> Driver:
    """A way to the engine, for a project that may be made. Raises CannotTell when engine or images are missing or it is there already."""
    driver = Driver.connect(project, [COMPOSE_FILE], env=env or {})
    for image in _IMAGES:
        driver.image(image)
    if driver.containers(all=True):
        raise CannotTell(f"project {project} is there already, and only one that is made for it is broken")
    return driver


@contextmanager
def small_stack(project: str) -> Iterator[Stack]:
    """The small stack, healthy, for the length of the block; with everything of it gone afterwards.

    Raises CannotTell as `require` does, and when it doesn't come up.
    """
    env = variables(project)
    driver = require(project, env)
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
        for path in (ROOT / ".seatrial" / "chaos").glob(f"{project}.*"):
            path.unlink(missing_ok=True)


def renew(stack: Stack) -> None:
    """Make it anew, containers, network and volume: what one kill left is not counted again for those after it.

    Raises CannotTell when it doesn't come up.
    """
    stack.driver.remove_helpers()
    stack.driver.compose("down", "--volumes", "--timeout", "0")
    _up(stack.driver)


def _up(driver: Driver) -> None:
    driver.compose("up", "--detach", "--wait", timeout_seconds=_UP_WITHIN_SECONDS)
