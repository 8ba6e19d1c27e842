"""The two short syntaxes that have a grammar of their own, `ports` and `volumes`, as the long one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stack.located import Located, LocatedList
from stack.shapes import Malformed, integer, items, path, record, scalar, size

_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.%]+\]|[0-9.]+):)??"
    r"(?:(?P<published>[0-9]{1,5}(?:-[0-9]{1,5})?)?:)?"
    r"(?P<target>[0-9]{1,5}(?:-[0-9]{1,5})?)(?:/(?P<protocol>tcp|udp|sctp))?$"
)
MOST_PORTS = 200_000
"""Ports of a whole project, ranges written out: three times all there are; more is an attack on the reader."""
_BIND_OPTIONS = {"shared", "rshared", "slave", "rslave", "private", "rprivate"}


def ports(value: Any) -> LocatedList:
    """Each port as mode, target, published, protocol and host_ip; ranges are written out."""
    made = LocatedList()
    for item, place in items(value):
        if isinstance(item, Mapping):
            port = record(item)
            if "target" not in port:
                message = "has a port without a target"
                raise Malformed(message)
            port["target"] = integer(port["target"])
            if port.get("published") is not None:
                port["published"] = scalar(port["published"])
            port.setdefault("mode", "ingress")
            port.setdefault("protocol", "tcp")
            long = [port]
        else:
            long = _short_port(scalar(item))
        made += long
        made.at += [place] * len(long)
    return made


def _short_port(entry: str) -> list[Located]:
    match = _PORT.match(entry)
    if match is None:
        message = f"has a port that is none: {entry!r}"
        raise Malformed(message)
    first, last = _range(match["target"])
    low, high = _range(match["published"]) if match["published"] else (None, None)
    if last > first and low is not None and high is not None and high - low != last - first:
        message = f"has port ranges of different lengths: {entry!r}"
        raise Malformed(message)
    made = []
    for offset in range(last - first + 1):
        port = Located({"mode": "ingress"})
        if match["ip"]:
            port["host_ip"] = match["ip"].strip("[]")
        port["target"] = first + offset
        if low is not None and high is not None:
            port["published"] = match["published"] if first == last and low != high else str(low + offset)
        port["protocol"] = match["protocol"] or "tcp"
        made.append(port)
    return made


def _range(written: str) -> tuple[int, int]:
    low, _, high = written.partition("-")
    first, last = int(low), int(high or low)
    if not 0 < first <= last <= 65535:
        message = f"has a port outside 1-65535, or a range that runs backwards: {written!r}"
        raise Malformed(message)
    return first, last


def volumes(value: Any, folder: Path) -> LocatedList:
    """Each mount as type, source and target."""
    made = LocatedList()
    for item, place in items(value):
        mount = record(item) if isinstance(item, Mapping) else _short_volume(scalar(item))
        kind = mount.get("type")
        if kind is None:
            message = "has a mount without a type"
            raise Malformed(message)
        if kind == "bind" and mount.get("source"):
            mount["source"] = path(scalar(mount["source"]), folder)
        if kind == "tmpfs" and isinstance(mount.get("tmpfs"), Mapping) and "size" in mount["tmpfs"]:
            mount["tmpfs"] = Located({**mount["tmpfs"], "size": size(mount["tmpfs"]["size"])})
        mount["target"] = os.path.normpath(scalar(mount.get("target", "")))
        made.append(mount)
        made.at.append(place)
    return made


def _short_volume(entry: str) -> Located:
    parts = _parts(entry)
    if len(parts) > 3 or not all(parts):
        message = f"has a mount that is none: {entry!r}"
        raise Malformed(message)
    if len(parts) == 1:
        return Located({"type": "volume", "target": parts[0]})
    source, target, *rest = parts
    bind = source.startswith((".", "/", "~"))
    mount = Located({"type": "bind" if bind else "volume", "source": source, "target": target})
    how = Located({"create_host_path": True} if bind else {})
    for option in rest[0].split(",") if rest else ():
        if option in ("ro", "rw"):
            if option == "ro":
                mount["read_only"] = True
        elif option in ("z", "Z"):
            (how if bind else mount.setdefault("bind", Located()))["selinux"] = option
        elif option in _BIND_OPTIONS and bind:
            how["propagation"] = option
        elif option == "nocopy" and not bind:
            how["nocopy"] = True
    mount["bind" if bind else "volume"] = how
    return mount


def _parts(entry: str) -> list[str]:
    """The entry at its colons, but for the one behind a single letter at the beginning: to compose that is a drive of Windows."""
    drive = entry[:2] if len(entry) > 2 and entry[0].isalpha() and entry[1] == ":" else ""
    first, *rest = entry[len(drive) :].split(":")
    return [drive + first, *rest]
