"""Kill a container's program as a crash would, or tell it something: by a signal to the process itself, so that the engine's policy applies.

After `docker kill` the engine does not apply the restart policy (measured: 0 restarts), so that would prove nothing.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack


def crash(stack: Stack, container: dict[str, Any]) -> list[int]:
    """SIGKILL to the container's program, as from the kernel: the host pids that got it. Raises as `tell` does."""
    return tell(stack, container, signal.SIGKILL)


def tell(stack: Stack, container: dict[str, Any], number: signal.Signals) -> list[int]:
    """Send a signal to the container's program, past the engine, and return the host pids that got it.

    By the engine it would cost the container its restart policy: after `docker kill -s HUP` a program that crashes later is not
    started again (measured: 0 restarts, against 1).

    With an init (`init: true`) the program is the init's child; without one it is the container's first process.
    Raises CannotTell when the container has no process, or the engine's processes can't be reached from here.
    """
    pid = int(container["State"]["Pid"])
    if not pid:
        raise CannotTell(f"{container['Name'].lstrip('/')} has no process to signal")
    if stack.driver.is_local():
        victims = _children(pid) if container["HostConfig"].get("Init") else [pid]
        return [victim for victim in victims or [pid] if _signal(victim, number, container["Id"])]
    argv = ["pkill", f"-{number.name.removeprefix('SIG')}", "-P", str(pid)]
    if not container["HostConfig"].get("Init"):
        argv = ["kill", f"-{number.name.removeprefix('SIG')}", str(pid)]
    done = stack.driver.run_helper(argv, pid="host", cap_add=("KILL",))
    if isinstance(done, str) or done.code:
        raise CannotTell(f"{container['Name'].lstrip('/')}: its process could not be signalled from a helper")
    return [pid]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _signal(pid: int, number: signal.Signals, container_id: str) -> bool:
    """Signal through a pidfd whose process is seen to be the container's: a reused pid is never hit."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if container_id not in Path(f"/proc/{pid}/cgroup").read_text() and not _is_inside(pid, container_id):
            raise CannotTell(f"process {pid} does not belong to container {container_id[:12]}, so it is left alone")
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def _is_inside(pid: int, container_id: str) -> bool:
    """With a private cgroup namespace the path may be cut short; the mounts of the process still name its container."""
    return container_id in Path(f"/proc/{pid}/mountinfo").read_text()
