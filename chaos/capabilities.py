"""What this machine offers to faults: each capability is probed, never assumed, and says what is done where it is missing.

A capability is a function here that takes the driver and answers what was seen; `PROBES` lists them in the order in which
`python -m chaos capabilities` shows them. A fault that needs one asks `require` and is INCONCLUSIVE, with its reason, where
there is no other way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.driver import Driver


@dataclass(frozen=True)
class Capability:
    """What one probe saw."""

    name: str
    present: bool
    seen: str
    """The observation, in a sentence."""
    otherwise: str
    """What is done where it is missing: the other way, or what is INCONCLUSIVE then."""


Probe = Callable[["Driver"], Capability]


def require(capability: Capability, what: str) -> None:
    """Raise CannotTell when it is missing: `what` (a fault) can't be had then."""
    if not capability.present:
        raise CannotTell(f"{what}: {capability.seen}; {capability.otherwise}")


def local_engine(driver: Driver) -> Capability:
    """The engine's processes and control groups are in this machine's /proc and /sys."""
    if driver.is_local():
        here = os.geteuid() == 0
        seen = f"the engine is on this machine, and this session {'is' if here else 'is not'} root on it"
    else:
        here, seen = False, f"the engine is elsewhere ({driver.endpoint})"
    otherwise = "a helper container that shares the host's processes does it, or the fault is INCONCLUSIVE"
    return Capability("local engine", here, seen, otherwise)


def cgroup_version(driver: Driver) -> Capability:
    """The version of the control groups that containers are in; version 1's and 2's files have other names."""
    version = str(driver.info().get("CgroupVersion") or "")
    seen = (
        f"the engine uses control groups of version {version}"
        if version
        else "the engine names no version of control groups"
    )
    otherwise = (
        "the limits and counters of a container can't be read, and faults of memory and processor are INCONCLUSIVE"
    )
    return Capability("control groups", version in ("1", "2"), seen, otherwise)


def net_admin(driver: Driver) -> Capability:
    """A helper container may be given NET_ADMIN, so that it can write packet rules into a target's network namespace."""
    otherwise = "partitions and slow connections are INCONCLUSIVE"
    try:
        done = driver.run_helper(["iptables", "-w", "5", "-S"], network="none", cap_add=("NET_ADMIN",))
    except CannotTell as error:
        return Capability("NET_ADMIN", False, f"no helper container can be had ({error})", otherwise)
    assert not isinstance(done, str)  # only a detached helper answers with its id
    seen = (
        "a helper container reads and writes packet rules"
        if done.ok
        else f"a helper may not read packet rules ({done.last_words()})"
    )
    return Capability("NET_ADMIN", done.ok, seen, otherwise)


_netem_by_endpoint: dict[str, Capability] = {}


def netem(driver: Driver) -> Capability:
    """The kernel can hold packets back, lose them and narrow their way by itself (sch_netem). Asked once an engine."""
    if driver.endpoint not in _netem_by_endpoint:
        _netem_by_endpoint[driver.endpoint] = _netem(driver)
    return _netem_by_endpoint[driver.endpoint]


def _netem(driver: Driver) -> Capability:
    name, otherwise = "netem", "Toxiproxy delays and narrows connections, and the `statistic` match loses packets"
    argv = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    try:
        done = driver.run_helper(argv, network="none", cap_add=("NET_ADMIN",))
    except CannotTell as error:
        return Capability(name, False, f"no helper container can be had ({error})", otherwise)
    assert not isinstance(done, str)
    seen = "the kernel takes a netem queue" if done.ok else f"the kernel takes no netem queue ({done.last_words()})"
    return Capability(name, done.ok, seen, otherwise)


def loop_devices(driver: Driver) -> Capability:
    """A file can be mounted as a disk of its own here, so that a disk can be full without the host's being."""
    otherwise = "DiskFull is INCONCLUSIVE: a data folder on the host's own disk is never filled"
    name = "loop devices"
    if not driver.is_local():
        return Capability(name, False, "the engine is elsewhere, and so are its disks", otherwise)
    if os.geteuid() != 0:
        return Capability(name, False, "only root mounts disks", otherwise)
    if missing := [tool for tool in ("losetup", "mkfs.ext4", "mount", "umount") if shutil.which(tool) is None]:
        return Capability(name, False, f"this machine has no {missing[0]}", otherwise)
    if not Path("/dev/loop-control").exists():
        return Capability(name, False, "the kernel offers no loop devices (/dev/loop-control is missing)", otherwise)
    return Capability(name, True, "files can be mounted as disks", otherwise)


def libfaketime(driver: Driver) -> Capability:
    """A program can be started under libfaketime, which answers its questions for the time from a file."""
    otherwise = "ClockSkew is INCONCLUSIVE"
    try:
        done = driver.run_helper(["faketime", "-f", "@2000-01-01 00:00:00", "date", "-u", "+%Y"], network="none")
    except CannotTell as error:
        return Capability("libfaketime", False, f"no helper container can be had ({error})", otherwise)
    assert not isinstance(done, str)
    works = done.ok and done.stdout.strip() == "2000"
    seen = (
        "a program of the fault tool image was told another year"
        if works
        else f"it has no effect ({done.last_words()})"
    )
    return Capability("libfaketime", works, seen, otherwise)


def time_namespaces(_driver: Driver) -> Capability:
    """The kernel has time namespaces: they shift the clocks since boot, and never the time of day (time_namespaces(7))."""
    there = Path("/proc/self/ns/time").exists()
    seen = "the kernel has them" if there else "the kernel has none"
    otherwise = "nothing is lost: they can't shift the time of day, which is what ClockSkew does, by libfaketime"
    return Capability("time namespaces", there, seen, otherwise)


PROBES: tuple[Probe, ...] = (local_engine, cgroup_version, net_admin, netem, loop_devices, libfaketime, time_namespaces)


def lines(driver: Driver, probes: Iterable[Probe] = PROBES) -> list[str]:
    """One line a capability for a terminal: whether it is there, what was seen and, where it is not, what is done instead."""
    found = [probe(driver) for probe in probes]
    return [
        f"{one.name:<16}{'yes' if one.present else 'no':<5}{one.seen}{'' if one.present else f'; {one.otherwise}'}"
        for one in found
    ]
