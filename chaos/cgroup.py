"""A target's own control group: a helper that joins it competes for the target's limits, and its counters show what bit.

On version 1 of control groups a helper joins one controller's group and keeps its others; version 2 has one group for all.
Both work where the engine is elsewhere too: the helper, which runs there, finds the group by the target's id and moves itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos import netns
from stack import cgroups
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.completed import Completed
    from stack.model import Stack

_GROUPS = "/groups"
_GROUPS_MOUNT = f"type=bind,source=/sys/fs/cgroup,target={_GROUPS}"
_JOINED = "/tmp/joined"
# An engine may keep its containers under any parent; a group is found by the id that its name ends in, and left by ending.
_JOIN = f"""
top={_GROUPS}/$1; [ -d "$top" ] || top={_GROUPS}
group=$(find "$top" -type d -name "*$2*" 2>/dev/null | head -n 1)
[ -n "$group" ] && echo 0 > "$group/cgroup.procs" || exit 9
touch {_JOINED}; export GROUP="$group"; shift 2; exec "$@"
"""
_READY_WITHIN = timedelta(seconds=20)
_EVERY = timedelta(milliseconds=50)


def run_inside(
    stack: Stack,
    container: dict[str, Any],
    controller: str,
    argv: Sequence[str],
    *,
    labels: dict[str, str],
    expires_seconds: int,
    mounts: Sequence[str] = (),
    volumes: bool = False,
) -> str:
    """Start a helper whose program is in the container's control group for `controller`; the id of the helper.

    It ends by itself after `expires_seconds`. `volumes` gives it the container's volumes, `mounts` are its own. The program
    finds its group's folder in `$GROUP`. Raises CannotTell when there is no helper image, or the group can't be joined.
    """
    helper = stack.driver.run_helper(
        _joined(container, controller, argv, expires_seconds),
        mounts=[_GROUPS_MOUNT, *mounts],
        volumes_from=container["Id"] if volumes else None,
        network="none",
        cgroupns="host",
        detach=True,
        labels=labels,
    )
    assert isinstance(helper, str)
    await_file(
        stack, helper, _JOINED, what=f"a helper in the {controller} control group of {container['Name'].lstrip('/')}"
    )
    return helper


def complete_inside(
    stack: Stack,
    container: dict[str, Any],
    controller: str,
    argv: Sequence[str],
    *,
    labels: dict[str, str],
    expires_seconds: int,
    mounts: Sequence[str] = (),
) -> Completed:
    """The same with a program that ends by itself: how it ended. Raises CannotTell when it could not be started."""
    done = stack.driver.run_helper(
        _joined(container, controller, argv, expires_seconds),
        mounts=[_GROUPS_MOUNT, *mounts],
        network="none",
        cgroupns="host",
        labels=labels,
        timeout_seconds=expires_seconds + 20,
    )
    assert not isinstance(done, str)  # only a detached helper answers with its id
    return done


def _joined(container: dict[str, Any], controller: str, argv: Sequence[str], expires_seconds: int) -> list[str]:
    return ["timeout", str(expires_seconds), "sh", "-c", _JOIN, "join", controller, container["Id"], *argv]


def await_file(stack: Stack, helper: str, path: str, *, what: str) -> None:
    """Wait until the helper's program has made a file in it. Raises CannotTell when it ends before that, or takes too long."""

    def made_or_ended() -> str | None:
        with suppress(CannotTell):
            if stack.driver.exec(helper, ["test", "-e", path]).ok:
                return "made"
            return None
        return (
            None
            if helper in [str(one["Id"]) for one in stack.driver.helpers() if one["State"] == "running"]
            else "ended"
        )

    try:
        how = eventually(made_or_ended, within=_READY_WITHIN, every=_EVERY, what=what)
    except AssertionError as error:
        raise CannotTell(str(error)) from error
    if how == "ended":
        raise CannotTell(f"{what}: it could not be had, the helper ended before")


def text(stack: Stack, container: dict[str, Any], controller: str, *names: str) -> str:
    """The text of the first of these files of the container's control group (version 1 and 2 name them differently).

    Raises CannotTell when the container does not run, or shows none of them.
    """
    pid = int(container["State"].get("Pid") or 0)
    name = container["Name"].lstrip("/")
    if not pid:
        raise CannotTell(f"{name} does not run, so it has no control group")
    if stack.driver.is_local() and netns.is_seen_here(container):
        if (found := cgroups.text_of(pid, controller, *names)) is not None:
            return found
    else:
        for path in [f"/sys/fs/cgroup/{at}{one}" for one in names for at in (f"{controller}/", "")]:
            answer = stack.driver.exec(container["Id"], ["cat", path])
            if answer.ok:
                return answer.stdout
    raise CannotTell(f"{name}: its control group shows no {' or '.join(names)}")


def counter(stack: Stack, container: dict[str, Any], controller: str, key: str, *names: str) -> int:
    """One number of a file of `key value` lines. Raises CannotTell when it has no such line."""
    for line in text(stack, container, controller, *names).splitlines():
        word, _, value = line.partition(" ")
        if word == key:
            return int(value)
    raise CannotTell(f"{container['Name'].lstrip('/')}: its control group does not count {key}")


def memory_limit(container: dict[str, Any]) -> int:
    """The container's memory limit in bytes. Raises CannotTell when it has none: what it lacks then is the host's."""
    limit = int(container["HostConfig"].get("Memory") or 0)
    if not limit:
        raise CannotTell(
            f"{container['Name'].lstrip('/')} has no memory limit of its own, and the host's memory is never filled"
        )
    return limit


def memory_used(stack: Stack, container: dict[str, Any]) -> int:
    """The bytes charged to the container that the kernel can't take back by dropping cache."""
    charged = int(text(stack, container, "memory", "memory.current", "memory.usage_in_bytes"))
    cached = sum(counter(stack, container, "memory", key, "memory.stat") for key in ("inactive_file", "active_file"))
    return max(0, charged - cached)
