"""What must be the same after a fault as before it: a projection of the stack without what every start changes anyway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from chaos import inside
from chaos.health import health_of

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

SERVICE = "com.docker.compose.service"
_CONFIG_HASH = "com.docker.compose.config-hash"
_NUMBER = "com.docker.compose.container-number"
_LIMITS = (
    "Memory",
    "MemorySwap",
    "MemoryReservation",
    "NanoCpus",
    "CpuQuota",
    "CpuPeriod",
    "CpuShares",
    "PidsLimit",
    "Ulimits",
)
_DEPLOYED = frozenset({"mounted", "limits", "limits in force", "clock"})
"""What a deployment may change, of that which a fault can change."""
_FAULTABLE = _DEPLOYED | {"status", "health", "networks", "rules", "rules6", "queues", "restarts off"}
"""What a fault can change; images, configuration and declared mounts it can't."""


@dataclass(frozen=True)
class Fingerprint:
    """The canonical state of each container of the project, by service (and number, when a service has several)."""

    services: dict[str, dict[str, Any]]
    incarnations: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)
    """Which container, process and start each service had: what a witness compares, and no part of equality."""
    touched: dict[str, str] = field(default_factory=dict)
    """What the fault says that it alone changes (`Fault.touched`): files, limits, clocks."""
    helpers: tuple[str, ...] = ()
    """Our own containers that work for the fault; one that is there afterwards and was not before is a leftover."""

    @classmethod
    def of(cls, stack: Stack, *, fault: Fault | None = None) -> Self:
        """Look at the whole project, and at what `fault` touches besides. Raises CannotTell when the engine doesn't answer.

        What is true inside is read of every running container where that is cheap (on the engine's own host), and
        elsewhere of the targets of `fault`. Helper containers are those of `fault`, or all of them without one.
        """
        containers = stack.driver.containers(all=True)
        wanted = frozenset(fault.targets if fault else ())
        everywhere = inside.can_look_everywhere(stack)
        asked = [c for c in containers if c["State"].get("Pid") and (everywhere or _label(c, SERVICE) in wanted)]
        with ThreadPoolExecutor(max_workers=4) as pool:
            seen = pool.map(lambda c: inside.state_of(stack, c), asked)
            within = dict(zip((c["Id"] for c in asked), seen, strict=True))
        services, incarnations = {}, {}
        for container in containers:
            name = _name(container)
            well = {"health": health_of(stack, container)}
            services[name] = {**canonical(container), **well, **within.get(container["Id"], {})}
            incarnations[name] = incarnation(container)
        helpers = tuple(
            sorted(str(one["Names"][0]).lstrip("/") for one in stack.driver.helpers(**(fault.tools if fault else {})))
        )
        return cls(services, incarnations, fault.touched(stack) if fault else {}, helpers)

    def differences(self, after: Fingerprint, *, later: bool = False) -> list[str]:
        """Sentences about what `after` has otherwise; empty when the stack is what it was.

        `later`: time has passed and people may have been at work. Then only what a fault can change is compared, of a service
        that was deployed anew only what no deployment changes, and services that came or went are none of ours.
        """
        found = []
        for name in sorted(self.services.keys() | after.services.keys()):
            was, is_now = self.services.get(name), after.services.get(name)
            if was is None or is_now is None:
                found += [] if later else [f"{name}: {'appeared' if was is None else 'is gone'}"]
                continue
            # What is true inside is only there where it was looked at.
            for key in sorted(was.keys() & is_now.keys() & _compared(was, is_now, later=later)):
                old, new = was[key], is_now[key]
                # A service that was still starting, or sick, may be well afterwards: that is no leftover of a fault.
                if old != new and (key, new) not in (("health", "healthy"), ("restarts off", False)):
                    found.append(f"{name}: {_difference(key, old, new)}")
        both = self.touched.keys() & after.touched.keys()
        found += [
            f"{what} was {self.touched[what]}, is {after.touched[what]}"
            for what in sorted(both)
            if self.touched[what] != after.touched[what]
        ]
        return found + [f"helper container {name} is left" for name in sorted(set(after.helpers) - set(self.helpers))]

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "services": self.services,
            "incarnations": self.incarnations,
            "touched": self.touched,
            "helpers": list(self.helpers),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            dict(document["services"]),
            dict(document["incarnations"]),
            dict(document.get("touched") or {}),
            tuple(document.get("helpers") or ()),
        )


def canonical(container: Mapping[str, Any]) -> dict[str, Any]:
    """An inspect document without ids, pids, times and addresses that the engine chose."""
    state, host = container["State"], container["HostConfig"]
    return {
        "image": container["Image"],
        "configuration": _label(container, _CONFIG_HASH),
        "status": state["Status"],
        "settings": _digest(container),
        "limits": {name: host.get(name) for name in _LIMITS if host.get(name)},
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


def _compared(was: Mapping[str, Any], is_now: Mapping[str, Any], *, later: bool) -> frozenset[str]:
    if not later:
        return frozenset(was.keys() | is_now.keys())
    same = all(was.get(key) == is_now.get(key) for key in ("image", "configuration"))
    return _FAULTABLE if same else _FAULTABLE - _DEPLOYED


def _difference(key: str, old: object, new: object) -> str:
    """Of long lists only what came and went."""
    if isinstance(old, list) and isinstance(new, list):
        less, more = [one for one in old if one not in new], [one for one in new if one not in old]
        if less or more:
            return f"{key}: " + "; ".join([*(f"{one} is gone" for one in less), *(f"{one} is there" for one in more)])
    return f"{key} was {old!r}, is {new!r}"


def _digest(container: Mapping[str, Any]) -> str:
    """All that the container was created with, as far as no other key shows it; short, as only its equality matters."""
    host = {name: value for name, value in container["HostConfig"].items() if name not in (*_LIMITS, "RestartPolicy")}
    config = {name: value for name, value in container["Config"].items() if name not in ("Hostname", "Labels", "Image")}
    # compose writes variables and mounts in another order each time that it creates a container (measured).
    config["Env"] = sorted(config.get("Env") or [])
    host["Mounts"] = sorted(host.get("Mounts") or [], key=lambda mount: str(mount.get("Target")))
    return hashlib.sha256(json.dumps([host, config], sort_keys=True).encode()).hexdigest()[:16]


def _label(container: Mapping[str, Any], name: str) -> str:
    return str((container["Config"].get("Labels") or {}).get(name, ""))


def _name(container: Mapping[str, Any]) -> str:
    number = _label(container, _NUMBER)
    service = _label(container, SERVICE)
    return service if number in ("", "1") else f"{service}-{number}"
