"""A target's own control group: a helper that joins it competes for the target's limits, and its counters show what bit.

On version 1 of control groups a helper joins one controller's group and keeps its others; version 2 has one group for all.
Both work where the engine is elsewhere too: the helper, which runs there, finds the group by the target's id and moves itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stack import cgroups
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_GROUPS = "/groups"
_JOINED = "/tmp/joined"
# An engine may keep its containers under any parent; a group is found by the id that its name ends in, and left by ending.
_JOIN = f"""
top={_GROUPS}/$1; [ -d "$top" ] || top={_GROUPS}
group=$(find "$top" -type d -name "*$2*" 2>/dev/null | head -n 1)
[ -n "$group" ] && echo 0 > "$group/cgroup.procs" || exit 9
touch {_JOINED}; export GROUP="$group"; shift 2; exec "$@"
"""
_JOINS_WITHIN = timedelta(seconds=10)
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
    watched: bool = True,
) -> str:
    """Start a helper whose program is in the container's control group for `controller`; the id of the helper.

    It ends by itself after `expires_seconds`. `volumes` gives it the container's volumes, `mounts` are its own. The program
    finds its group's folder in `$GROUP`. `watched=False` does not wait to see it in the group: it may be over in a moment.
    Raises CannotTell when there is no helper image, or the group can't be found or joined.
    """
    name = container["Name"].lstrip("/")
    helper = stack.driver.run_helper(
        ["timeout", str(expires_seconds), "sh", "-c", _JOIN, "join", controller, container["Id"], *argv],
        network="none",
        mounts=[f"type=bind,source=/sys/fs/cgroup,target={_GROUPS}", *mounts],
        volumes_from=container["Id"] if volumes else None,
        cgroupns="host",
        detach=True,
        labels=labels,
    )
    assert isinstance(helper, str)
    if not watched:
        return helper
    try:
        eventually(
            lambda: stack.driver.exec(helper, ["test", "-e", _JOINED]).ok,
            within=_JOINS_WITHIN,
            every=_EVERY,
            what=f"a helper in the control group of {name}",
        )
    except AssertionError as error:
        raise CannotTell(f"no helper could join the {controller} control group of {name}: {error}") from error
    return helper


def text(stack: Stack, container: dict[str, Any], controller: str, *names: str) -> str:
    """The text of the first of these files of the container's control group (version 1 and 2 name them differently).

    Raises CannotTell when the container does not run, or shows none of them.
    """
    pid = int(container["State"].get("Pid") or 0)
    name = container["Name"].lstrip("/")
    if not pid:
        raise CannotTell(f"{name} does not run, so it has no control group")
    if stack.driver.is_local():
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
