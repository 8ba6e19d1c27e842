"""The descriptor limits of a container's programs, as the kernel has them: read, and changed for a process that runs.

Whoever has the uid and gid of a process may lower its soft limit and raise it again (prlimit(2)), so no privilege is needed
but to become that user. On the engine's own host that is /proc and prlimit(1); elsewhere a helper in the container's process
namespace (about 0.4 s).
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos import netns
from stack import cgroups
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_LIMITS_SECONDS = 10.0
_SHOW = """
for each in /proc/[0-9]*; do
    grep -E '^(Name|Pid|PPid|Uid|Gid):' $each/status 2>/dev/null || continue
    grep '^Max open files' $each/limits
    echo Fds: $(ls $each/fd 2>/dev/null)
    echo .
done
"""


@dataclass(frozen=True)
class Program:
    """A process of a container's own programs."""

    pid: int
    """As this machine counts, or as the container does where its processes are not seen here."""
    parent: int
    name: str
    uid: int
    gid: int
    soft: int
    hard: int
    open: frozenset[int]
    """The numbers of its open descriptors."""
    seen_here: bool = False
    """Whether it was found in this machine's own /proc."""

    @property
    def lowest_free(self) -> int:
        """The number that the next descriptor gets: the smallest that is not open."""
        return next(number for number in range(len(self.open) + 1) if number not in self.open)


def programs(stack: Stack, container: dict[str, Any]) -> tuple[Program, list[Program]]:
    """The container's init, which changes no limit of its own, and what runs under it; what is executed beside it is left out.

    Raises CannotTell when the container does not run, has no init, or can't be looked at.
    """
    name = container["Name"].lstrip("/")
    first = int(container["State"].get("Pid") or 0)
    if not first:
        raise CannotTell(f"{name} does not run, so its programs have no limits")
    if not container["HostConfig"].get("Init"):
        raise CannotTell(
            f"{name} has no init, so nothing tells what its program's limits were before it changed them itself"
        )
    if stack.driver.is_local() and netns.is_seen_here(container):
        found = [one for pid in cgroups.members(first) if (one := _here(pid))]
    else:
        first = 1
        found = _elsewhere(stack, container)
    by_pid = {one.pid: one for one in found}
    below = [one for one in found if _descends(one, first, by_pid)]
    if first not in by_pid or not below:
        raise CannotTell(f"{name}: no process of it can be seen")
    return by_pid[first], sorted(below, key=lambda one: one.pid)


def limit(stack: Stack, container: dict[str, Any], program: Program, soft: int) -> None:
    """Set a program's soft limit; one that has ended since has none. Raises CannotTell when the kernel refuses."""
    argv = ["prlimit", "--pid", str(program.pid), f"--nofile={soft}:{program.hard}"]
    if program.seen_here:
        if not netns.is_seen_here({**container, "State": {"Pid": program.pid}}):
            return  # it has ended, and its number is nobody's, or a stranger's
        done = subprocess.run(
            argv, user=program.uid, group=program.gid, extra_groups=[],
            capture_output=True, text=True, check=False, timeout=_LIMITS_SECONDS,
        )  # fmt: skip
        code, said = done.returncode, done.stderr.strip()
    else:
        helped = stack.driver.run_helper(argv, pid=f"container:{container['Id']}", user=f"{program.uid}:{program.gid}")
        assert not isinstance(helped, str)  # only a detached helper answers with its id
        code, said = helped.code, helped.last_words()
    if code and "No such process" not in said:
        raise CannotTell(
            f"the descriptor limit of {program.name} in {container['Name'].lstrip('/')} can't be set: {said}"
        )


def _here(pid: int) -> Program | None:
    folder = Path(f"/proc/{pid}")
    with suppress(OSError):  # it has ended since it was listed
        fds = " ".join(one.name for one in (folder / "fd").iterdir())
        found = _read(f"{(folder / 'status').read_text()}\n{(folder / 'limits').read_text()}\nFds: {fds}")
        return replace(found, seen_here=True) if found else None
    return None


def _elsewhere(stack: Stack, container: dict[str, Any]) -> list[Program]:
    shown = stack.driver.run_helper(
        ["sh", "-c", _SHOW], pid=f"container:{container['Id']}", user=str(container["Config"].get("User") or "0")
    )
    assert not isinstance(shown, str)
    return [one for part in shown.stdout.split("\n.\n") if (one := _read(part))]


def _read(text: str) -> Program | None:
    """A process of the lines of its status and limits in /proc, and `Fds: 0 1 2`; None when some are missing (it ended)."""
    lines = dict(line.partition(":")[::2] for line in text.splitlines() if ":" in line)
    files = next((line.split() for line in text.splitlines() if line.startswith("Max open files")), None)
    if files is None or not {"Name", "Pid", "PPid", "Uid", "Gid", "Fds"} <= lines.keys():
        return None
    ids = {key: int(lines[key].split()[0]) for key in ("Pid", "PPid", "Uid", "Gid")}
    numbers = frozenset(int(word) for word in lines["Fds"].split())
    name = lines["Name"].strip()
    return Program(ids["Pid"], ids["PPid"], name, ids["Uid"], ids["Gid"], int(files[3]), int(files[4]), numbers)


def _descends(program: Program, ancestor: int, by_pid: dict[int, Program]) -> bool:
    seen: set[int] = set()
    while program.pid not in seen:
        seen.add(program.pid)
        if program.parent == ancestor:
            return True
        if program.parent not in by_pid:
            return False
        program = by_pid[program.parent]
    return False
