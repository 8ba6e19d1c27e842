"""Makes of a rendered project one that meets the original nowhere: no name, port, address, volume or host file of it is shared.

Pure: what can't be isolated is left out, with the reason.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SHARED_STORES = ("none", "nfs", "nfs4", "cifs")
_NAMESPACES = ("network_mode", "pid", "ipc")


def isolated(
    rendered: Mapping[str, Any], *, excluded: Iterable[str], idle: Iterable[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A project that meets the original nowhere, and why some services can't be in it."""
    tree: dict[str, Any] = copy.deepcopy(json.loads(json.dumps(rendered)))
    tree.pop("name", None)
    left_out = dict.fromkeys(excluded, "excluded by name") | dict.fromkeys(idle, "its compose profile is not active")
    held = {
        kind: {name for name, entry in (tree.get(kind) or {}).items() if entry.get("external")}
        for kind in ("secrets", "configs")
    }
    for name, config in tree["services"].items():
        if reason := _reaches_out(config) or _held_by_the_engine(config, held) or _host_folders(config):
            left_out.setdefault(name, reason)
        for fixed in ("container_name", "external_links", "mac_address"):
            config.pop(fixed, None)
        for port in config.get("ports") or ():
            port.pop("published", None)  # the engine then takes a free one
            port["host_ip"] = "127.0.0.1"
        for how in (config.get("networks") or {}).values():
            for fixed in ("ipv4_address", "ipv6_address", "mac_address"):
                (how or {}).pop(fixed, None)
    for key, entry in tree["networks"].items():
        # No name, no external, no fixed subnet, no interface of the host: compose then makes one that is the copy's alone.
        tree["networks"][key] = {
            k: v for k, v in entry.items() if k in ("internal", "attachable", "enable_ipv6", "labels")
        }
    for key, entry in tree["volumes"].items():
        kept = {k: v for k, v in entry.items() if k not in ("name", "external")}
        if (kept.get("driver_opts") or {}).get("type") in _SHARED_STORES:
            kept.pop("driver_opts")  # a bind or a remote share in a volume's clothes is the original's data
        tree["volumes"][key] = kept
    drop(tree, left_out)
    _escape(tree)
    return tree, left_out


def drop(tree: dict[str, Any], left_out: dict[str, str]) -> None:
    """Take services out, in place, and with them what can't start without them."""
    while gone := [name for name in tree["services"] if name in left_out]:
        for name in gone:
            del tree["services"][name]
        for name, config in tree["services"].items():
            depends = config.get("depends_on") or {}
            for target in [target for target in depends if target not in tree["services"]]:
                if depends[target].get("condition") == "service_started":
                    del depends[target]
                else:
                    left_out.setdefault(name, f"it waits for {target}, which is left out")
            for key in _NAMESPACES:
                kind, _, target = str(config.get(key) or "").partition(":")
                if kind == "service" and target not in tree["services"]:
                    left_out.setdefault(name, f"it shares {target}'s {key}, and {target} is left out")


def _reaches_out(config: Mapping[str, Any]) -> str | None:
    """Why a service could touch what is not its own, whatever is mounted: None when it could not."""
    if config.get("network_mode") == "host":
        return "it uses the host's network, which a copy would share with the original"
    for key in _NAMESPACES:
        kind = str(config.get(key) or "").partition(":")[0]
        if kind in ("host", "container"):
            return f"its {key} is {config[key]}, which is not its own"
    if config.get("privileged"):
        return "it is privileged, and could reach whatever is on this host"
    if config.get("devices"):
        return f"it is given the host's {config['devices'][0].get('source')}"
    borrowed = [entry for entry in config.get("volumes_from") or () if str(entry).startswith("container:")]
    return f"it takes volumes of another {borrowed[0]}" if borrowed else None


def _held_by_the_engine(config: Mapping[str, Any], held: Mapping[str, set[str]]) -> str | None:
    for kind, names in held.items():
        for entry in config.get(kind) or ():
            if entry.get("source") in names:
                return f"its {kind.removesuffix('s')} {entry['source']} is external: a swarm holds it"
    return None


def _host_folders(config: dict[str, Any]) -> str | None:
    """Mount host folders read-only, in place: they are the original's. Why the service can't be in a copy, if it can't."""
    for mount in config.get("volumes") or ():
        if mount.get("type") != "bind":
            continue
        source = Path(mount.get("source", ""))
        try:
            if source.is_socket():
                return f"it mounts the socket {source}, through which it could reach what is not its own"
            if not source.exists():
                return f"it mounts {source}, which is not there"
        except OSError as error:
            return f"it mounts {source}, which can't be looked at ({error.strerror})"
        mount["read_only"] = True
    return None


def _escape(value: Any) -> None:
    """Write every `$` twice, in place: the values are final, and compose would interpolate them again."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(pairs):
        if isinstance(item, str):
            value[key] = item.replace("$", "$$")
        elif isinstance(item, dict | list):
            _escape(item)
