"""Judges the engine's own settings by what it says of itself, and its files by their modes (CIS Docker Benchmark 1.6, parts 1-3)."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROTATING_DRIVERS = frozenset(
    {"local", "journald", "syslog", "fluentd", "gelf", "awslogs", "gcplogs", "splunk", "etwlogs", "none"}
)

_NO_TCP = ("unix:", "fd:", "npipe:")
# What the engine's flags take for a switch that is off (Go's strconv.ParseBool).
_OFF = frozenset({"0", "f", "false"})


def socket_problem(uid: int, mode: int) -> str | None:
    """Why the engine's socket admits others than root and its group; None when it does not."""
    if uid != 0:
        return f"it is owned by uid {uid}, expected root"
    return f"it has mode {stat.S_IMODE(mode):04o}, expected 0660 or less" if mode & 0o007 else None


def listens(command_line: Sequence[str], configuration: Mapping[str, Any]) -> list[str]:
    """The addresses the engine was told to listen on, by its command line and its file."""
    hosts = [str(host) for host in configuration.get("hosts") or ()]
    words = list(command_line)
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("-H", "--host"):
            hosts.append(value if equals else words[position + 1] if position + 1 < len(words) else "")
        elif word.startswith("-H") and not equals:
            hosts.append(word[2:])
    return hosts


def open_tcp(command_line: Sequence[str], configuration: Mapping[str, Any]) -> list[str]:
    """The TCP addresses the engine listens on without verifying its clients' certificates.

    An address without a scheme is TCP too (`dockerd -H :2375`).
    """
    if setting("tlsverify", command_line, configuration, default=False):
        return []
    return [host for host in listens(command_line, configuration) if host and not host.lower().startswith(_NO_TCP)]


def unix_sockets(command_line: Sequence[str], configuration: Mapping[str, Any]) -> list[str]:
    """The paths of the sockets it was told to listen on."""
    found = listens(command_line, configuration)
    return [host.removeprefix("unix://") for host in found if host.startswith("unix://")]


def option(name: str, command_line: Sequence[str]) -> str | None:
    """The value of an option on the command line (`--name=value` or `--name value`); None when it is not there."""
    words = list(command_line)
    for position, word in enumerate(words):
        key, equals, value = word.partition("=")
        if key == f"--{name}":
            return value if equals else words[position + 1] if position + 1 < len(words) else None
    return None


def log_options(command_line: Sequence[str]) -> dict[str, str]:
    """The options of the log driver on the command line, `--log-opt name=value` and `--log-opt=name=value` alike."""
    found = {}
    for word, following in zip(command_line, [*command_line[1:], ""], strict=True):
        given = following if word == "--log-opt" else word.removeprefix("--log-opt=")
        name, equals, value = given.partition("=")
        if equals and (word == "--log-opt" or given != word):
            found[name] = value
    return found


def log_problem(driver: str, options: Mapping[str, Any]) -> str | None:
    """Why the engine's default log driver fills the disk; None when it rotates or sends lines elsewhere."""
    if driver in ROTATING_DRIVERS or options.get("max-size"):
        return None
    return f"the default log driver is {driver or 'json-file'} without max-size"


def insecure_registries(registry: Mapping[str, Any]) -> list[str]:
    """The registries the engine would talk to without verified TLS, beside this machine's own loopback."""
    networks = [str(net) for net in registry.get("InsecureRegistryCIDRs") or ()]
    found = [net for net in networks if not ipaddress.ip_network(net, strict=False).is_loopback]
    indexes = registry.get("IndexConfigs") or {}
    return found + [str(name) for name, index in indexes.items() if index and not index.get("Secure", True)]


def setting(name: str, command_line: Iterable[str], configuration: Mapping[str, Any], default: bool) -> bool:
    """A switch of the engine: the command line's word, else daemon.json's, else the engine's default."""
    found = configuration.get(name)
    on = default if found is None else bool(found)
    for word in command_line:  # the last one counts
        option, equals, value = word.partition("=")
        if option == f"--{name}":
            on = value.lower() not in _OFF if equals else True
    return on


def mode_problem(uid: int, mode: int, allowed: int) -> str | None:
    """Why a file or folder of the engine is not root's alone to change; None when it is."""
    if uid != 0:
        return f"is owned by uid {uid}, expected root"
    excess = stat.S_IMODE(mode) & ~allowed
    return f"has mode {stat.S_IMODE(mode):04o}, expected {allowed:04o} or less" if excess else None
