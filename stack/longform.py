"""Turns every short syntax of a compose service into the long one, so that merging and checks know a single form.

After the Compose specification (compose-spec/spec.md) and, where it leaves room, what `docker compose config` prints.
Each function takes a value as written and gives the long form; a wrong shape raises `Malformed`, which gets its place
from whoever knows the key.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stack import units
from stack.located import Located, LocatedList, Tagged

_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.%]+\]|[0-9.]+|[0-9a-fA-F:]+):)??"
    r"(?:(?P<published>[0-9]+(?:-[0-9]+)?)?:)?"
    r"(?P<target>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>tcp|udp|sctp))?$"
)
_BIND_OPTIONS = {"shared", "rshared", "slave", "rslave", "private", "rprivate"}


class Malformed(Exception):
    """A value whose shape its key does not take."""


def mapping(value: Any, *, texts: bool = True) -> Located:
    """A mapping of a mapping or of a list of `KEY=value`; values become texts, a bare key is None."""
    if isinstance(value, Mapping):
        made = Located(where=getattr(value, "where", None), at=dict(getattr(value, "at", {})))
        made.update({str(key): text(item) if texts else item for key, item in value.items()})
        return made
    if isinstance(value, list):
        made = Located()
        for index, item in enumerate(value):
            key, equals, rest = scalar(item).partition("=")
            made[key] = rest if equals else None
            place = value.at[index] if isinstance(value, LocatedList) and index < len(value.at) else None
            if place:
                made.at[key] = place
        return made
    message = "must be a mapping or a list of NAME=value"
    raise Malformed(message)


def text(value: Any) -> str | None:
    """A scalar as compose writes it into a text: booleans in small letters."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return _number_text(value) if isinstance(value, float) else str(value)
    message = "must hold texts and numbers only"
    raise Malformed(message)


def scalar(value: Any) -> str:
    """A scalar that must be there."""
    found = text(value)
    if found is None:
        message = "must not be empty"
        raise Malformed(message)
    return found


def texts(value: Any) -> LocatedList:
    """A list of texts, of one text or of a list."""
    if isinstance(value, list):
        return LocatedList([scalar(item) for item in value], at=list(getattr(value, "at", [])))
    return LocatedList([scalar(value)])


def words(value: Any) -> LocatedList | None:
    """A command's words; a text is split as a shell would, and an empty one stands for "none"."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return LocatedList(shlex.split(value))
        except ValueError as error:
            message = f"has a quote that is never closed ({error})"
            raise Malformed(message) from error
    return texts(value)


def healthcheck(value: Any) -> Any:
    """`test` as a list, durations in canonical spelling."""
    made = _record(value)
    if isinstance(made.get("test"), str):
        made["test"] = LocatedList(["CMD-SHELL", made["test"]] if made["test"] else [])
    for key in ("interval", "timeout", "start_period", "start_interval"):
        if made.get(key) is not None:
            made[key] = duration(made[key])
    return made


def duration(value: Any) -> str:
    """A duration in canonical spelling."""
    nano = units.nanoseconds(scalar(value))
    if nano is None:
        message = f"is no duration such as 30s: {value!r}"
        raise Malformed(message)
    return units.duration(nano)


def size(value: Any) -> str:
    """A size in bytes, as text."""
    found = None if value is None or isinstance(value, dict | list) else units.size(value)
    if found is None:
        message = f"is no size such as 64m: {value!r}"
        raise Malformed(message)
    return str(found)


def ports(value: Any) -> LocatedList:
    """Each port as mode, target, published, protocol and host_ip; ranges are written out."""
    made = LocatedList()
    for item, place in _items(value):
        if isinstance(item, Mapping):
            port = _record(item)
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
    for item, place in _items(value):
        mount = _record(item) if isinstance(item, Mapping) else _short_volume(scalar(item))
        kind = mount.get("type")
        if kind is None:
            message = "has a mount without a type"
            raise Malformed(message)
        if kind == "bind" and mount.get("source"):
            mount["source"] = path(scalar(mount["source"]), folder)
        if kind == "volume":
            mount.setdefault("volume", Located())
        if kind == "tmpfs" and isinstance(mount.get("tmpfs"), Mapping) and "size" in mount["tmpfs"]:
            mount["tmpfs"] = Located({**mount["tmpfs"], "size": size(mount["tmpfs"]["size"])})
        mount["target"] = os.path.normpath(scalar(mount.get("target", "")))
        made.append(mount)
        made.at.append(place)
    return made


def _short_volume(entry: str) -> Located:
    parts = entry.split(":")
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
        elif option in ("z", "Z") and bind:
            how["selinux"] = option
        elif option in _BIND_OPTIONS and bind:
            how["propagation"] = option
        elif option == "nocopy" and not bind:
            how["nocopy"] = True
    mount["bind" if bind else "volume"] = how
    return mount


def networks(value: Any) -> Located:
    """A mapping of network to its options (None: none)."""
    return _named(value)


def depends_on(value: Any) -> Located:
    """A mapping of service to condition."""
    made = _named(value)
    for name, how in made.items():
        entry = _record(how or {})
        entry.setdefault("condition", "service_started")
        entry.setdefault("required", True)
        made[name] = entry
    return made


def _named(value: Any) -> Located:
    if isinstance(value, Mapping):
        return mapping(value, texts=False)
    made = Located()
    for item, place in _items(value):
        made[scalar(item)] = None
        if place:
            made.at[scalar(item)] = place
    return made


def files(value: Any) -> LocatedList:
    """Secrets or configs as source and target."""
    made = LocatedList()
    for item, place in _items(value):
        entry = _record(item) if isinstance(item, Mapping) else Located({"source": scalar(item)})
        made.append(entry)
        made.at.append(place)
    return made


def build(value: Any, folder: Path) -> Located:
    """A build as a mapping with an absolute context."""
    made = Located({"context": value}) if isinstance(value, str) else _record(value)
    if "dockerfile_inline" not in made:
        made.setdefault("dockerfile", "Dockerfile")
    if "context" in made:
        made["context"] = context(scalar(made["context"]), folder)
    for key in ("args", "labels"):
        if made.get(key) is not None:
            made[key] = mapping(made[key])
    if made.get("additional_contexts") is not None:
        contexts = mapping(made["additional_contexts"])
        made["additional_contexts"] = Located({k: context(v, folder) for k, v in contexts.items()}, at=contexts.at)
    return made


def context(written: str, folder: Path) -> str:
    """An absolute build context; URLs and `type:` forms stay."""
    remote = re.match(r"[a-z][a-z0-9+.-]*:", written) or written.startswith(("git@", "github.com/"))
    return written if remote else path(written, folder)


def env_files(value: Any, folder: Path) -> LocatedList:
    """Environment files as path, required and format."""
    made = LocatedList()
    for item, place in _items(value if isinstance(value, list) else LocatedList([value])):
        entry = _record(item) if isinstance(item, Mapping) else Located({"path": scalar(item)})
        entry["path"] = path(scalar(entry.get("path", "")), folder)
        entry.setdefault("required", True)
        made.append(entry)
        made.at.append(place)
    return made


def deploy(value: Any) -> Located:
    """Resources as bytes and numbers, durations in canonical spelling, labels as a mapping."""
    made = _record(value)
    if made.get("labels") is not None:
        made["labels"] = mapping(made["labels"])
    resources = made.get("resources")
    if isinstance(resources, Mapping):
        made["resources"] = _record(resources)
        for kind in ("limits", "reservations"):
            amount = resources.get(kind)
            if isinstance(amount, Mapping):
                amount = _record(amount)
                if "memory" in amount:
                    amount["memory"] = size(amount["memory"])
                if "cpus" in amount:
                    amount["cpus"] = number(amount["cpus"])
                if "pids" in amount:
                    amount["pids"] = integer(amount["pids"])
                made["resources"][kind] = amount
    for section in ("update_config", "rollback_config", "restart_policy"):
        if isinstance(made.get(section), Mapping):
            made[section] = _record(made[section])
            for key in ("delay", "monitor", "window"):
                if key in made[section]:
                    made[section][key] = duration(made[section][key])
    return made


def extra_hosts(value: Any) -> LocatedList:
    """A list of `host=address`."""
    if isinstance(value, Mapping):
        pairs = (
            (name, item) for name, given in value.items() for item in (given if isinstance(given, list) else [given])
        )
        return LocatedList([f"{name}={scalar(item)}" for name, item in pairs])
    made = texts(value)
    for index, item in enumerate(made):
        name, _, address = item.partition("=") if "=" in item else item.partition(":")
        made[index] = f"{name}={address.strip('[]')}"
    return made


def ulimits(value: Any) -> Located:
    """Numbers, or soft and hard."""
    made = _record(value)
    for name, item in made.items():
        both = isinstance(item, Mapping)
        made[name] = Located({k: integer(v) for k, v in item.items()}) if both else integer(item)
    return made


def logging(value: Any) -> Located:
    """Driver and options; options are texts."""
    made = _record(value)
    if made.get("options") is not None:
        made["options"] = mapping(made["options"])
    return made


def integer(value: Any) -> int:
    """A whole number, also when interpolation made it a text."""
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        message = f"is no whole number: {value!r}"
        raise Malformed(message) from error


def number(value: Any) -> float:
    """A number, also when it is written as a text."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        message = f"is no number: {value!r}"
        raise Malformed(message) from error


def boolean(value: Any) -> bool:
    """A boolean, also in the words that compose takes in quotes or from a variable."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "yes": True, "y": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "n": False, "off": False, "0": False}
    try:
        return known[str(value).lower()]
    except KeyError as error:
        message = f"must be true or false, not {value!r}"
        raise Malformed(message) from error


def path(written: str, folder: Path) -> str:
    """An absolute path; relative ones start from `folder`."""
    return os.path.normpath(folder / Path(written).expanduser())


def _record(value: Any) -> Located:
    if not isinstance(value, Mapping):
        message = "must be a mapping"
        raise Malformed(message)
    return Located(value, where=getattr(value, "where", None), at=dict(getattr(value, "at", {})))


def _items(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, list):
        message = "must be a list"
        raise Malformed(message)
    places = list(getattr(value, "at", [])) or [None] * len(value)
    return list(zip(value, places, strict=True))


def _number_text(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


Convert = Callable[[Any, Path], Any]


def _plain(function: Callable[[Any], Any]) -> Convert:
    return lambda value, _folder: function(value)


#: What each key of a service that has more than one spelling is turned into.
SERVICE_KEYS: dict[str, Convert] = {
    **dict.fromkeys(("environment", "labels", "annotations", "sysctls", "storage_opt"), _plain(mapping)),
    **dict.fromkeys(("command", "entrypoint"), _plain(words)),
    **dict.fromkeys(("dns", "dns_search", "tmpfs", "expose", "external_links", "links", "security_opt"), _plain(texts)),
    **dict.fromkeys(("cap_add", "cap_drop", "group_add", "profiles", "volumes_from", "dns_opt"), _plain(texts)),
    **dict.fromkeys(("mem_limit", "mem_reservation", "shm_size"), _plain(size)),
    **dict.fromkeys(("privileged", "read_only", "init", "stdin_open", "tty", "oom_kill_disable"), _plain(boolean)),
    **dict.fromkeys(("pids_limit", "scale", "oom_score_adj", "cpu_shares", "cpu_count"), _plain(integer)),
    **dict.fromkeys(("image", "user", "hostname", "container_name", "restart", "working_dir"), _plain(scalar)),
    **dict.fromkeys(("network_mode", "pid", "ipc", "runtime", "platform", "stop_signal"), _plain(scalar)),
    "secrets": _plain(files),
    "configs": _plain(files),
    "memswap_limit": _plain(size),
    "cpus": _plain(number),
    "stop_grace_period": _plain(duration),
    "healthcheck": _plain(healthcheck),
    "ports": _plain(ports),
    "networks": _plain(networks),
    "depends_on": _plain(depends_on),
    "deploy": _plain(deploy),
    "logging": _plain(logging),
    "ulimits": _plain(ulimits),
    "extra_hosts": _plain(extra_hosts),
    "volumes": volumes,
    "build": build,
    "env_file": env_files,
}


def service(config: Located, folder: Path, refuse: Callable[[str, str], Exception]) -> Located:
    """A service in long form; `refuse(key, what)` makes the error for a malformed key."""
    made = Located(where=config.where, at=dict(config.at))
    for key, value in config.items():
        convert = SERVICE_KEYS.get(key)
        inner = value.value if isinstance(value, Tagged) else value
        try:
            if convert is not None and (inner is not None or key in ("networks", "depends_on")):
                inner = convert(LocatedList() if inner is None else inner, folder)
        except Malformed as error:
            raise refuse(key, str(error)) from error
        made[key] = Tagged(value.tag, inner) if isinstance(value, Tagged) else inner
    return made
