"""Finds a process's control groups on this host, of version 1 or 2, wherever the hierarchies are mounted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

#: The files that hold a controller's limits: version 2's name first, then version 1's.
LIMIT_FILES = {
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "cpu": ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"),
    "pids": ("pids.max",),
}
_PROC = Path("/proc")
_MOUNT = Path("/sys/fs/cgroup")


def limit_files(pid: int, *, proc: Path = _PROC, mount: Path = _MOUNT) -> dict[str, str]:
    """The text of every limit file of a process's control groups, by name; empty when none can be read."""
    found: dict[str, str] = {}
    for controllers, folder in _folders(pid, proc, mount):
        for controller, names in LIMIT_FILES.items():
            if controllers and controller not in controllers:
                continue
            for name in names:
                with contextlib.suppress(OSError):
                    found.setdefault(name, (folder / name).read_text())
    return found


def text_of(pid: int, controller: str, *names: str, proc: Path = _PROC, mount: Path = _MOUNT) -> str | None:
    """The text of the first of a controller's files that a process's control group has; None when it has none of them."""
    for controllers, folder in _folders(pid, proc, mount):
        if not controllers or controller in controllers:
            for name in names:
                with contextlib.suppress(OSError):
                    return (folder / name).read_text()
    return None


def members(pid: int, *, proc: Path = _PROC, mount: Path = _MOUNT) -> set[int]:
    """The pids in a process's own control group and the groups below it; empty when they can't be read.

    A group that is the root of its hierarchy is no container's and is never used: it holds the whole host.
    """
    for controllers, folder in _folders(pid, proc, mount):
        if folder in (mount, *(mount / name for name in controllers)):
            continue
        found: set[int] = set()
        with contextlib.suppress(OSError):
            for file in [folder / "cgroup.procs", *folder.rglob("*/cgroup.procs")]:
                found.update(int(line) for line in file.read_text().split())
        if found:
            return found
    return set()


def _folders(pid: int, proc: Path, mount: Path) -> Iterator[tuple[list[str], Path]]:
    """Each control group of a process as its controllers (none: version 2) and its folder."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, names, path = line.split(":", 2)
        controllers = [name for name in names.split(",") if name]
        # Version 1 mounts joint controllers under their joint name, and links each single name to it.
        for base in [mount / names, *(mount / name for name in controllers)] if names else [mount, mount / "unified"]:
            folder = base / path.lstrip("/")
            if folder.is_dir():
                yield controllers, folder
                break
