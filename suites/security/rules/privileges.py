"""Judges what processes may do: identity, capabilities, privilege gains, system calls, and what the engine was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stack.procfs import Process

SECCOMP_FILTER = 2
"""SECCOMP_MODE_FILTER, as /proc/<pid>/status shows it."""

# What the engine gives a container that says nothing (moby, oci/caps/defaults.go).
DEFAULT_CAPABILITIES = frozenset(
    [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
)

HARMLESS_DEVICES = frozenset(
    {"/dev/fuse", "/dev/net/tun", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/tty"}
)


def shown(process: Process) -> str:
    """A process as one would name it in a message, without its arguments: they may hold anything."""
    return f"{process.name} (pid {process.pid})"


def root_processes(processes: Iterable[Process]) -> list[str]:
    """The processes that run as uid 0."""
    return [f"{shown(process)} runs as uid 0" for process in processes if process.uid == 0]


def allowed_capabilities(added: Collection[str], dropped: Collection[str], privileged: bool) -> frozenset[str] | None:
    """The capabilities a compose file allows a service; None when it allows every one."""
    if privileged or "ALL" in added:
        return None
    base = frozenset() if "ALL" in dropped else DEFAULT_CAPABILITIES - set(dropped)
    return base | set(added)


def excess_capabilities(processes: Iterable[Process], allowed: Collection[str] | None) -> list[str]:
    """The processes with effective capabilities beyond those allowed."""
    if allowed is None:
        return []
    found = []
    for process in processes:
        excess = sorted(process.effective_capabilities - set(allowed))
        if excess:
            found.append(f"{shown(process)} has {', '.join(excess)} beyond {', '.join(sorted(allowed)) or 'none'}")
    return found


def may_gain_privileges(processes: Iterable[Process]) -> list[str]:
    """The processes without no-new-privileges."""
    return [
        f"{shown(process)} can gain privileges (NoNewPrivs 0)" for process in processes if not process.no_new_privileges
    ]


def unfiltered(processes: Iterable[Process]) -> list[str]:
    """The processes without a seccomp filter."""
    return [
        f"{shown(process)} has no seccomp filter (Seccomp {process.seccomp})"
        for process in processes
        if process.seccomp != SECCOMP_FILTER
    ]


def unconfined(processes: Iterable[Process]) -> list[str]:
    """The processes that no mandatory access control profile confines."""
    return [
        f"{shown(process)} is {process.apparmor or 'without a profile'}"
        for process in processes
        if process.apparmor is None or process.apparmor == "unconfined"
    ]


def host_powers(host_config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The (thing, problem) of a container's privilege and host devices, as the engine has them."""
    found = [("privileged", "the container is privileged")] if host_config.get("Privileged") else []
    for device in host_config.get("Devices") or ():
        path = str(device.get("PathOnHost"))
        if path not in HARMLESS_DEVICES:
            found.append((path, f"the host's device {path} is in it"))
    found += [(str(rule), f"device cgroup rule {rule}") for rule in host_config.get("DeviceCgroupRules") or ()]
    return found


def shared_namespaces(host_config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The (namespace, problem) of what a container was asked to share with the host."""
    modes = {
        "net": "NetworkMode",
        "pid": "PidMode",
        "ipc": "IpcMode",
        "uts": "UTSMode",
        "user": "UsernsMode",
        "cgroup": "CgroupnsMode",
    }
    return [
        (kind, f"{key} is host")
        for kind, key in modes.items()
        # A host cgroup namespace is the engine's own default with cgroup v1; it only shows paths.
        if host_config.get(key) == "host" and kind != "cgroup"
    ]


def missing_cgroup_limits(memory_bytes: int | None, cpu_quota: float | None, pids: int | None) -> list[str]:
    """Which limits are not in force."""
    limits = {"memory": memory_bytes, "CPU": cpu_quota, "PIDs": pids}
    return [f"{name} is unlimited in the control group" for name, value in limits.items() if value is None]
