"""Turns every short syntax of a compose service into the long one, so that merging and checks know a single form.

After the Compose specification (compose-spec/spec.md) and, where it leaves room, what `docker compose config` prints.
Each function takes a value as written and gives the long form; a wrong shape raises `Malformed` (stack/shapes.py), which gets
its place from whoever knows the key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stack.located import Located, LocatedList, Tagged
from stack.shapes import (
    Malformed,
    boolean,
    duration,
    integer,
    items,
    labels,
    mapping,
    number,
    path,
    record,
    scalar,
    size,
    texts,
    words,
)
from stack.short_syntax import ports, volumes


def healthcheck(value: Any) -> Any:
    """`test` as a list, durations in canonical spelling."""
    made = record(value)
    if isinstance(made.get("test"), str):
        made["test"] = LocatedList(["CMD-SHELL", made["test"]] if made["test"] else [])
    for key in ("interval", "timeout", "start_period", "start_interval"):
        if made.get(key) is not None:
            made[key] = duration(made[key])
    return made


def devices(value: Any) -> LocatedList:
    """Each device as source, target and permissions."""
    made = LocatedList()
    for item, place in items(value):
        if isinstance(item, Mapping):
            made.append(record(item))
        else:
            source, _, rest = scalar(item).partition(":")
            target, _, permissions = rest.partition(":")
            made.append(Located({"source": source, "target": target or source, "permissions": permissions or "rwm"}))
        made.at.append(place)
    return made


def networks(value: Any) -> Located:
    """A mapping of network to its options (None: none)."""
    return _named(value)


def depends_on(value: Any) -> Located:
    """A mapping of service to condition."""
    made = _named(value)
    for name, how in made.items():
        entry = record(how or {})
        entry.setdefault("condition", "service_started")
        entry.setdefault("required", True)
        made[name] = entry
    return made


def _named(value: Any) -> Located:
    if isinstance(value, Mapping):
        return mapping(value, texts=False)
    made = Located()
    for item, place in items(value):
        made[scalar(item)] = None
        if place:
            made.at[scalar(item)] = place
    return made


def files(value: Any) -> LocatedList:
    """Secrets or configs as source and target."""
    made = LocatedList()
    for item, place in items(value):
        entry = record(item) if isinstance(item, Mapping) else Located({"source": scalar(item)})
        made.append(entry)
        made.at.append(place)
    return made


def secrets(value: Any) -> LocatedList:
    """Secrets as source and target; one without a target lies under its own name in /run/secrets."""
    made = files(value)
    for entry in made:
        entry.setdefault("target", f"/run/secrets/{entry.get('source')}")
    return made


def build(value: Any, folder: Path) -> Located:
    """A build as a mapping with an absolute context."""
    made = Located({"context": value}) if isinstance(value, str) else record(value)
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
    for item, place in items(value if isinstance(value, list) else LocatedList([value])):
        entry = record(item) if isinstance(item, Mapping) else Located({"path": scalar(item)})
        entry["path"] = path(scalar(entry.get("path", "")), folder)
        entry.setdefault("required", True)
        made.append(entry)
        made.at.append(place)
    return made


def deploy(value: Any) -> Located:
    """Resources as bytes and numbers, durations in canonical spelling, labels as a mapping."""
    made = record(value)
    if made.get("labels") is not None:
        made["labels"] = labels(made["labels"])
    resources = made.get("resources")
    if isinstance(resources, Mapping):
        made["resources"] = record(resources)
        for kind in ("limits", "reservations"):
            amount = resources.get(kind)
            if isinstance(amount, Mapping):
                amount = record(amount)
                if "memory" in amount:
                    amount["memory"] = size(amount["memory"])
                if "cpus" in amount:
                    amount["cpus"] = number(amount["cpus"])
                if "pids" in amount:
                    amount["pids"] = integer(amount["pids"])
                made["resources"][kind] = amount
    for section in ("update_config", "rollback_config", "restart_policy"):
        if isinstance(made.get(section), Mapping):
            made[section] = record(made[section])
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
    made = record(value)
    for name, item in made.items():
        both = isinstance(item, Mapping)
        made[name] = Located({k: integer(v) for k, v in item.items()}) if both else integer(item)
    return made


def logging(value: Any) -> Located:
    """Driver and options; options are texts."""
    made = record(value)
    if made.get("options") is not None:
        made["options"] = mapping(made["options"])
    return made


Convert = Callable[[Any, Path], Any]


def _plain(function: Callable[[Any], Any]) -> Convert:
    return lambda value, _folder: function(value)


#: What each key of a service that has more than one spelling is turned into.
SERVICE_KEYS: dict[str, Convert] = {
    **dict.fromkeys(("environment", "sysctls", "storage_opt"), _plain(mapping)),
    **dict.fromkeys(("labels", "annotations"), _plain(labels)),
    **dict.fromkeys(("command", "entrypoint"), _plain(words)),
    **dict.fromkeys(("dns", "dns_search", "tmpfs", "expose", "external_links", "links", "security_opt"), _plain(texts)),
    **dict.fromkeys(("cap_add", "cap_drop", "group_add", "profiles", "volumes_from", "dns_opt"), _plain(texts)),
    **dict.fromkeys(("mem_limit", "mem_reservation", "shm_size"), _plain(size)),
    **dict.fromkeys(("privileged", "read_only", "init", "stdin_open", "tty", "oom_kill_disable"), _plain(boolean)),
    **dict.fromkeys(("pids_limit", "scale", "oom_score_adj", "cpu_shares", "cpu_count"), _plain(integer)),
    **dict.fromkeys(("image", "user", "hostname", "container_name", "restart", "working_dir"), _plain(scalar)),
    **dict.fromkeys(("network_mode", "pid", "ipc", "runtime", "platform", "stop_signal"), _plain(scalar)),
    "secrets": _plain(secrets),
    "configs": _plain(files),
    "memswap_limit": _plain(size),
    "cpus": _plain(number),
    "stop_grace_period": _plain(duration),
    "healthcheck": _plain(healthcheck),
    "ports": _plain(ports),
    "devices": _plain(devices),
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
