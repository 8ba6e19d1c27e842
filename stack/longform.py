"""Turns every short syntax of a compose service into the long one, so that merging and checks know a single form.

After the Compose specification (compose-spec/spec.md) and, where it leaves room, what `docker compose config` prints.
Each function takes a value as written and gives the long form; a wrong shape raises `Malformed` (stack/shapes.py), which gets
its place from whoever knows the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stack.build_form import build, develop
from stack.located import Located, LocatedList, Tagged
from stack.shapes import (
    Malformed,
    boolean,
    convert,
    duration,
    extra_hosts,
    files,
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
        convert(made, key, duration)
    convert(made, "retries", integer)
    convert(made, "disable", boolean)
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
        if isinstance(how, Tagged):
            continue
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


def secrets(value: Any) -> LocatedList:
    """Secrets as source and target; one without a target lies under its own name in /run/secrets."""
    made = files(value)
    for entry in made:
        entry.setdefault("target", f"/run/secrets/{entry.get('source')}")
    return made


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
    convert(made, "labels", labels)
    convert(made, "replicas", integer)
    convert(made, "resources", _resources)
    for section in ("update_config", "rollback_config", "restart_policy"):
        convert(made, section, _delays)
    return made


def _resources(value: Any) -> Located:
    made = record(value)
    for kind in ("limits", "reservations"):
        convert(made, kind, _amounts)
    return made


def _amounts(value: Any) -> Located:
    made = record(value)
    convert(made, "memory", size)
    convert(made, "cpus", number)
    convert(made, "pids", integer)
    for device in made.get("devices") or ():
        if isinstance(device, dict) and device.get("count") is not None:
            device["count"] = -1 if device["count"] == "all" else integer(device["count"])
    return made


def _delays(value: Any) -> Located:
    made = record(value)
    for key in ("delay", "monitor", "window"):
        convert(made, key, duration)
        if made.get(key) == "0s":
            del made[key]  # none and no delay are the same
    return made


def hosts_in_order(config: Located) -> None:
    """Put a service's `extra_hosts` in the order of their names, in place, as they are a mapping to compose."""
    for owner in (config, config.get("build") or {}):
        hosts = owner.get("extra_hosts")
        if hosts:
            owner["extra_hosts"] = LocatedList(sorted(hosts, key=lambda host: str(host).partition("=")[0]))


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
    convert(made, "options", mapping)
    return made


def pull_policy(value: Any) -> str:
    """The policy under one name."""
    return "missing" if value == "if_not_present" else scalar(value)


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
    **dict.fromkeys(
        ("privileged", "read_only", "attach", "init", "stdin_open", "tty", "oom_kill_disable"), _plain(boolean)
    ),
    **dict.fromkeys(("pids_limit", "scale", "oom_score_adj", "cpu_shares", "cpu_count", "cpu_quota"), _plain(integer)),
    **dict.fromkeys(("image", "user", "hostname", "container_name", "restart", "working_dir"), _plain(scalar)),
    **dict.fromkeys(("network_mode", "pid", "ipc", "runtime", "platform", "stop_signal"), _plain(scalar)),
    "secrets": _plain(secrets),
    "configs": _plain(files),
    "memswap_limit": _plain(size),
    "mem_swappiness": _plain(size),
    "pull_policy": _plain(pull_policy),
    **dict.fromkeys(("cpus", "cpu_percent"), _plain(number)),
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
    "develop": develop,
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
