"""Calls `ip` with argument lists and reads its JSON, so that interfaces, routes and rules are never parsed from prose."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stack.completed import Completed, complete
from stack.errors import CannotTell

TIMEOUT_SECONDS = 10.0


def ip(*arguments: str, check: bool = True) -> Completed:
    """`ip ARGUMENTS`; CannotTell with its own words when it refuses and `check` is on."""
    done = complete(("ip", *arguments), timeout_seconds=TIMEOUT_SECONDS)
    if check and done.code != 0:
        raise CannotTell(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done


def ip_batch(lines: Sequence[str], *, namespace: str | None = None, family: int = 4) -> None:
    """Several `ip` commands in one process; the first refusal is CannotTell."""
    options = (f"-{family}", *(("-n", namespace) if namespace else ()))
    script = "\n".join(lines) + "\n"
    done = complete(("ip", *options, "-batch", "-"), stdin=script.encode(), timeout_seconds=TIMEOUT_SECONDS)
    if done.code != 0:
        raise CannotTell(f"ip -batch refused: {done.stderr.strip()}")


def ip_json(*arguments: str) -> list[dict[str, Any]]:
    """What `ip -j ARGUMENTS` lists."""
    return list(json.loads(ip("-j", *arguments).stdout or "[]"))


def host_addresses() -> tuple[str, ...]:
    """Every address of the host that is neither loopback nor link-local, bridges' gateways included."""
    found = []
    for link in ip_json("addr", "show"):
        for entry in link.get("addr_info", []):
            address = ipaddress.ip_address(entry["local"])
            if not address.is_loopback and not address.is_link_local:
                found.append(str(address))
    return tuple(found)


def refuse_elsewhere(address: str) -> None:
    """CannotTell unless a packet for `address` would stay on this machine: an address of the host or behind a bridge of veths."""
    found = ip("-j", "-6" if ":" in address else "-4", "route", "get", address, check=False)
    routes = json.loads(found.stdout or "[]") if found.code == 0 else []
    device = str(routes[0].get("dev", "")) if routes else ""
    if routes and routes[0].get("type") == "local":
        return
    if device and is_virtual_bridge(device):
        return
    raise CannotTell(f"{address} is not on this machine (route: {device or 'none'}): no probe is ever sent there")


def is_virtual_bridge(device: str, root: Path = Path("/sys/class/net")) -> bool:
    """Whether `device` is a bridge without a physical port: what is sent into it stays on this machine."""
    ports = root / device / "brif"
    return ports.is_dir() and not any((root / port.name / "device").exists() for port in ports.iterdir())
