"""What the kernel itself says of a running container: packet rules, queues, mounts, limits, clock; so that what a fault left is seen
where it works, and not only where it would be declared."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos import netns
from stack import cgroups
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_PROC = Path("/proc")
_PART = "%%%"
# One shell for three tools: entering a namespace costs as much as any of them (3 ms each, measured). A kernel without IPv6 has no rules
# for it either.
_SCRIPT = (
    f"iptables-save && echo '{_PART}' && tc qdisc show && echo '{_PART}' && "
    "if command -v ip6tables-save > /dev/null; then ip6tables-save 2> /dev/null || true; fi"
)
_TOOLS = ("sh", "iptables-save", "tc")
_PRIVATE = ("", "private", "rprivate")
_FAKETIME = ("FAKETIME", "FAKETIME_TIMESTAMP_FILE")


def can_look_everywhere(stack: Stack) -> bool:
    """Whether looking into every container is cheap: on the engine's own host, as root, with its tools."""
    return stack.driver.is_local() and shutil.which("nsenter") is not None and os.geteuid() == 0


def state_of(stack: Stack, container: dict[str, Any]) -> dict[str, Any]:
    """What is true inside of a running container. Raises CannotTell when it has just ended or can't be entered.

    What needs the host's own /proc is left out for an engine elsewhere.
    """
    pid = int(container["State"].get("Pid") or 0)
    if not pid:
        return {}
    seen: dict[str, Any] = {}
    if has_own_network(container):
        rules, queues, rules6 = (
            netns.run(stack, container, "sh", "-c", _SCRIPT, needs=_TOOLS).split(_PART + "\n") + ["", ""]
        )[:3]
        seen["rules"] = netns.canonical_rules(rules)
        seen["rules6"] = netns.canonical_rules(rules6)
        seen["queues"] = netns.canonical_queues(queues)
    if can_look_everywhere(stack) and netns.is_seen_here(container):
        seen["restarts off"] = is_left_down(container)
        seen |= {"mounted": mounted(pid, lent=_lent(container)), "limits in force": limits(pid), "clock": clock(pid)}
    return seen


def is_left_down(container: Mapping[str, Any]) -> bool:
    """Whether the engine would not start it again after a crash, whatever its restart policy says.

    That is so after any signal through the engine (`docker kill -s HUP`), until the next start. No answer of the engine tells
    it: it stands in the container's own file, beside the resolv.conf that inspect names. False where that can't be read.
    """
    file = Path(str(container.get("ResolvConfPath") or "/nowhere")).with_name("config.v2.json")
    try:
        return bool(json.loads(file.read_text()).get("HasBeenManuallyStopped"))
    except (OSError, ValueError):
        return False


def has_own_network(container: Mapping[str, Any]) -> bool:
    """Whether it runs in a network namespace that is not the host's and not another container's."""
    mode = str(container["HostConfig"].get("NetworkMode", ""))
    return bool(container["State"].get("Pid")) and mode != "host" and not mode.startswith("container:")


def _lent(container: Mapping[str, Any]) -> tuple[str, ...]:
    """The host's folders in it that follow the host: what is mounted below them comes and goes with anybody's container."""
    binds = [mount for mount in container.get("Mounts") or () if mount["Type"] == "bind"]
    return tuple(f"{bind['Destination']}/" for bind in binds if bind.get("Propagation", "") not in _PRIVATE)


def mounted(pid: int, *, lent: tuple[str, ...] = (), proc: Path = _PROC) -> list[str]:
    """Each mount of the process's namespace: where, how, and of what kind. Sources are left out: the engine's name containers.

    What is below a folder in `lent` is left out. Raises CannotTell when the process has ended.
    """
    found = []
    for line in _read(proc / str(pid) / "mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        _id, _parent, _device, _root, where, options, *_ = left.split()
        if not where.startswith(lent):
            found.append(f"{where} {options} {right.split()[0]}")
    return sorted(found)


def limits(pid: int) -> dict[str, str]:
    """What the process's control groups hold it to: memory, processors, number of processes."""
    return {name: text.strip() for name, text in sorted(cgroups.limit_files(pid).items())}


def clock(pid: int, *, proc: Path = _PROC) -> dict[str, str]:
    """By what its clock is shifted: its time namespace's offsets, and what libfaketime, where it runs under it, is told.

    Raises CannotTell when the process has ended.
    """
    seen = {}
    process = proc / str(pid)
    if (process / "timens_offsets").exists():  # Linux 5.6
        for line in _read(process / "timens_offsets").splitlines():
            name, *offset = line.split()
            if any(part != "0" for part in offset):
                seen[name] = " ".join(offset)
    environment = dict(one.partition("=")[::2] for one in _read(process / "environ").split("\0"))
    for name in _FAKETIME:
        if told := environment.get(name):
            seen[name] = told
    if file := environment.get("FAKETIME_TIMESTAMP_FILE"):
        try:
            seen["told"] = (process / "root" / file.lstrip("/")).read_text().strip()
        except OSError as error:
            seen["told"] = f"can't be read: {error.strerror}"
    return seen


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise CannotTell(f"{path} can't be read: {error.strerror}") from error
