"""Finds the running containers of a service, so that every replica is judged and none that is missing looks fine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from stack.errors import CannotTell
from stack.model import Container, Service, Stack
from suites.check import not_applicable


def containers_of(stack: Stack, service: Service) -> list[Container]:
    """Every running replica of a service; a one-shot job that has ended is NOT_APPLICABLE.

    Raises:
        CannotTell: it should run and does not.

    """
    found = [container for container in replicas(stack, service.name) if container.is_running]
    if not found and service.one_shot:
        not_applicable(f"{service.name} is a one-shot job and has ended")
    if not found:
        why = stack.absent.get(service.name)
        raise CannotTell(f"{service.name} is not running, so nothing of it can be observed" + (f": {why}" if why else ""))
    return found


def replicas(stack: Stack, service: str) -> list[Container]:
    """The containers of a service as the engine lists them."""
    return [Container(stack.driver.inspect(identity), stack.driver) for identity in stack.driver.container_ids(service)]


MOST_LINKS = 40
"""As the kernel's own limit (MAXSYMLINKS, include/linux/namei.h)."""


def inside(container: Container, path: str) -> Path:
    """The host's way to a path of a container's file system, its links followed *within* the container.

    `/proc/<pid>/root/var/run` may be a link to `/run`, which the kernel would follow to the host's /run. A name that does
    not exist is returned as it stands.

    Raises:
        CannotTell: the container's file system can't be entered (not root, another machine's engine), or links go in a circle.

    """
    if not container.driver.is_local() or os.geteuid() != 0:
        raise CannotTell(f"{container.name}: its files can only be read as root on the engine's own machine")
    root = Path(f"/proc/{container.pid}/root")
    return root / resolved(root, path).lstrip("/")


def resolved(root: Path, path: str) -> str:
    """An absolute path with every link in it followed as if `root` were /."""
    todo = [part for part in path.split("/") if part and part != "."]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        try:
            target = os.readlink(root.joinpath(*done, part))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
                raise CannotTell(f"{path} can't be followed: {error.strerror}") from error
            done.append(part)
            continue
        links += 1
        if links > MOST_LINKS:
            raise CannotTell(f"{path} can't be followed: its links go in a circle")
        done = [] if target.startswith("/") else done
        todo = [piece for piece in target.split("/") if piece and piece != "."] + todo
    return "/" + "/".join(done)
