"""Judges what a service opens to others: published ports, networks and host paths."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

# What an edge without a profile may publish to everybody: the web's ports and their customary unprivileged twins.
WEB_PORTS = frozenset({"80/tcp", "443/tcp", "443/udp", "8080/tcp", "8443/tcp", "8000/tcp", "3000/tcp", "5000/tcp"})
EDGE_PORTS = frozenset({"80/tcp", "443/tcp", "443/udp"})

ENGINE_SOCKETS = (
    "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock",
    "/run/podman/podman.sock", "/var/run/crio/crio.sock", "/run/docker/containerd/containerd.sock",
)  # fmt: skip

# Host trees whose content is the host's own: reading some of them is disclosure, writing any of them is the host.
SENSITIVE = (
    "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/bin", "/sys", "/usr", "/var/lib/docker",
    "/var/lib/containerd", "/var/lib/kubelet", "/var/log", "/var/run", "/var/spool/cron",
)  # fmt: skip
# Single files in those trees that tell nothing worth keeping, when mounted read-only.
HARMLESS_READ_ONLY = frozenset({"/etc/localtime", "/etc/timezone", "/etc/hostname", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt",
                                "/etc/machine-id", "/etc/resolv.conf", "/usr/share/zoneinfo", "/usr/share/ca-certificates"})  # fmt: skip

_HOMES, _ROOTS_HOME = PurePosixPath("/home"), PurePosixPath("/root")

# What a service of a role is there to read, read-only, and nothing else of the host.
_WORK: dict[str, tuple[str, ...]] = {
    "exporter": ("/proc", "/sys"),
    "log-shipper": ("/var/log", "/var/lib/docker/containers"),
}


def on_the_host(source: str) -> PurePosixPath:
    """A path as the kernel follows it, whatever dots and slashes it is written with (POSIX keeps two leading slashes, Linux does not)."""
    return PurePosixPath(re.sub("^//", "/", posixpath.normpath(source)))


def host_source(volume: Mapping[str, Any]) -> tuple[str, bool] | None:
    """The host's path that a named volume is made of, and whether it is read-only; None for a volume of the engine's own.

    The local driver hands its options to mount(2): a bind, or a disk of the host, is no less one for having a name.
    """
    options = volume.get("driver_opts")
    if volume.get("driver") not in (None, "local") or not isinstance(options, Mapping):
        return None
    flags = str(options.get("o") or "").split(",")
    device = str(options.get("device") or "")
    if device.startswith("/") and ({"bind", "rbind"} & set(flags) or PurePosixPath("/dev") in on_the_host(device).parents):
        return device, "ro" in flags
    return None


def is_its_work(role: str, source: str, *, read_only: bool) -> bool:
    """Whether reading the host's `source` is what a service of this role is for."""
    path = on_the_host(source)
    return read_only and any(
        path == PurePosixPath(root) or PurePosixPath(root) in path.parents for root in _WORK.get(role, ())
    )


def host_path_problem(source: str, *, read_only: bool, project: PurePosixPath | None = None) -> str | None:
    """What mounting the host's `source` gives away; None when nothing that matters.

    What stands in the folder of the compose files, `project`, is the stack's own, wherever somebody has checked it out.
    """
    path = on_the_host(source)
    if str(path) in ENGINE_SOCKETS:
        return (
            f"the engine's socket {path} is mounted: whoever controls the container controls the host, read-only or not"
        )
    if any(path in PurePosixPath(socket).parents for socket in ENGINE_SOCKETS) and len(path.parts) > 1:
        return f"{path} is mounted and holds the engine's socket"
    if read_only and str(path) in HARMLESS_READ_ONLY:
        return None
    if len(path.parts) == 1:
        return "the host's whole file system is mounted" + (" (read-only)" if read_only else "")
    if _is_somebodys(path, project):
        return None
    for tree in SENSITIVE:
        root = PurePosixPath(tree)
        if path == root or root in path.parents:
            return f"the host's {path} is mounted {'read-only' if read_only else 'writable'}"
    return None


def _is_somebodys(path: PurePosixPath, project: PurePosixPath | None) -> bool:
    """Whether a path is what a person keeps there, and not the host's: in the project, or in a folder of a home below /home."""
    home = next((one for one in (path, *path.parents) if one.parent == _HOMES or one == _ROOTS_HOME), None)
    # A home itself holds keys (.ssh, .aws, …), and so does what is hidden in it.
    if home is not None and (path == home or path.relative_to(home).parts[0].startswith(".")):
        return False
    if home is not None and home != _ROOTS_HOME:
        return True
    if project is None or not (path == project or project in path.parents):
        return False
    # A project in / or /etc itself does not make what else is there its own.
    return project == home or not any(
        project == tree or project in tree.parents for tree in map(PurePosixPath, SENSITIVE)
    )


def unneeded_networks(
    service: str, networks: Sequence[str], members: Mapping[str, Iterable[str]], flows: Iterable[tuple[str, str]]
) -> list[str]:
    """The networks `service` has joined though no declared flow of its own can use them.

    `members` are the services on each network; `flows` are (source, target) pairs, with `outside` and `host` for what is
    not a service. A service whose only flows lead outside needs one network, any; with several it keeps the first.
    """
    own = [(source, target) for source, target in flows if service in (source, target)]
    partners = {target if source == service else source for source, target in own}
    needed = {network for network in networks if partners & (set(members.get(network, ())) - {service})}
    beyond = partners & {"outside", "host"}
    if not needed and (beyond or not own):
        # A network of its own, without anybody else, isolates: that is what one is for.
        alone = [network for network in networks if set(members.get(network, ())) <= {service}]
        needed |= set(alone) or (set(networks[:1]) if beyond else set())
    return [network for network in networks if network not in needed]


def impossible_flows(flows: Iterable[tuple[str, str, int]], networks: Mapping[str, Sequence[str]]) -> list[str]:
    """Declared flows between services that share no network, so that what the profile promises can't work."""
    return [
        f"the profile's flow {source} → {target}:{port} has no network in common"
        for source, target, port in flows
        if source in networks and target in networks and not set(networks[source]) & set(networks[target])
    ]
