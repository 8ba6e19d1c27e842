"""What must be the same after a fault as before it: a projection of the stack without what every start changes anyway."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from chaos import netns
from chaos.health import health_of

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

SERVICE = "com.docker.compose.service"
_CONFIG_HASH = "com.docker.compose.config-hash"
_NUMBER = "com.docker.compose.container-number"


@dataclass(frozen=True)
class Fingerprint:
    """The canonical state of each container of the project, by service (and number, when a service has several)."""

    services: dict[str, dict[str, Any]]
    incarnations: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)
    """Which container, process and start each service had: what a witness compares, and no part of equality."""
    touched: dict[str, str] = field(default_factory=dict)
    """What the fault says that it alone changes (`Fault.touched`): files, limits, clocks."""

    @classmethod
    def of(cls, stack: Stack, *, fault: Fault | None = None) -> Self:
        """Look at the whole project, and at what `fault` touches besides. Raises CannotTell when the engine doesn't answer.

        Packet rules and queues are read of every running container where that is cheap (on the engine's own host), and
        elsewhere of the targets of `fault`.
        """
        containers = stack.driver.containers(all=True)
        everywhere = stack.driver.is_local() and shutil.which("nsenter") is not None
        wanted = frozenset(fault.targets if fault else ())
        asked = [c for c in containers if _own_network(c) and (everywhere or _label(c, SERVICE) in wanted)]
        with ThreadPoolExecutor(max_workers=4) as pool:
            network = dict(
                zip((c["Id"] for c in asked), pool.map(lambda c: _network_state(stack, c), asked), strict=True)
            )
        services, incarnations = {}, {}
        for container in containers:
            name = _name(container)
            well = {"health": health_of(stack, container)}
            services[name] = {**canonical(container), **well, **network.get(container["Id"], {})}
            incarnations[name] = incarnation(container)
        return cls(services, incarnations, fault.touched(stack) if fault else {})

    def differences(self, after: Fingerprint) -> list[str]:
        """Sentences about what `after` has otherwise; empty when the stack is what it was."""
        found = []
        for name in sorted(self.services.keys() | after.services.keys()):
            was, is_now = self.services.get(name), after.services.get(name)
            if was is None or is_now is None:
                found.append(f"{name}: {'appeared' if was is None else 'is gone'}")
                continue
            # Rules and queues are only there where they were asked for.
            for key in sorted(was.keys() & is_now.keys()):
                old, new = was[key], is_now[key]
                # A service that was still starting, or sick, may be well afterwards: that is no leftover of a fault.
                if old != new and not (key == "health" and new == "healthy"):
                    found.append(f"{name}: {key} was {old!r}, is {new!r}")
        both = self.touched.keys() & after.touched.keys()
        found += [
            f"{what} was {self.touched[what]}, is {after.touched[what]}"
            for what in sorted(both)
            if self.touched[what] != after.touched[what]
        ]
        return found

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        return {"services": self.services, "incarnations": self.incarnations, "touched": self.touched}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(dict(document["services"]), dict(document["incarnations"]), dict(document.get("touched") or {}))


def canonical(container: Mapping[str, Any]) -> dict[str, Any]:
    """An inspect document without ids, pids, times and addresses that the engine chose."""
    state, host = container["State"], container["HostConfig"]
    return {
        "image": container["Image"],
        "configuration": _label(container, _CONFIG_HASH),
        "status": state["Status"],
        "restart": (host.get("RestartPolicy") or {}).get("Name", ""),
        "mounts": sorted(
            f"{m['Type']} {m.get('Name') or m.get('Source', '')} {m['Destination']} {'rw' if m.get('RW') else 'ro'}"
            for m in container.get("Mounts") or []
        ),
        "networks": {
            name: {
                # Older engines put the container's own short id among its aliases; it follows the container.
                "aliases": sorted({a for a in joined.get("Aliases") or [] if a != container["Id"][:12]}),
                "address": (joined.get("IPAMConfig") or {}).get("IPv4Address", ""),
            }
            for name, joined in sorted((container["NetworkSettings"].get("Networks") or {}).items())
        },
    }


def incarnation(container: Mapping[str, Any]) -> dict[str, Any]:
    """Which container this is, and which start of it."""
    state = container["State"]
    return {
        "id": container["Id"],
        "pid": state.get("Pid", 0),
        "started_at": state.get("StartedAt", ""),
        "restarts": container.get("RestartCount", 0),
    }


def _network_state(stack: Stack, container: dict[str, Any]) -> dict[str, Any]:
    rules = netns.canonical_rules(netns.run(stack, container, "iptables-save"))
    queues = netns.canonical_queues(netns.run(stack, container, "tc", "qdisc", "show"))
    return {"rules": rules, "queues": queues}


def _own_network(container: Mapping[str, Any]) -> bool:
    mode = str(container["HostConfig"].get("NetworkMode", ""))
    return bool(container["State"].get("Pid")) and mode != "host" and not mode.startswith("container:")


def _label(container: Mapping[str, Any], name: str) -> str:
    return str((container["Config"].get("Labels") or {}).get(name, ""))


def _name(container: Mapping[str, Any]) -> str:
    number = _label(container, _NUMBER)
    service = _label(container, SERVICE)
    return service if number in ("", "1") else f"{service}-{number}"
