"""Packet rules of one fault in a container's own network namespace: tagged, expiring by themselves, deleted one by one.

No chain is ever flushed: the engine's own DNS is a rule in the container's OUTPUT chain. Every rule also stops matching when
its lease is over (xt_time), so that nobody is cut off for longer should runner, watchdog and helper all be gone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from chaos import netns
from chaos.faults.targets import containers_of
from stack.errors import CannotTell

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

LEASE = timedelta(minutes=10)
"""How long a rule matches, and a helper lives, should nobody ever revert."""
_COUNTED = re.compile(r"^\[(\d+):\d+\] -A (.*)$")


@dataclass(frozen=True)
class Rule:
    """One rule to be made; `match` and `target` are iptables' own words."""

    chain: str
    match: tuple[str, ...]
    target: tuple[str, ...]
    table: str = "filter"
    first: bool = False
    """At the head of its chain: before what the engine has there."""
    ipv6: bool = False


@dataclass(frozen=True)
class Standing:
    """A rule that is there, with as many packets as it has matched."""

    table: str
    words: tuple[str, ...]
    """Chain and rule, as iptables takes them."""
    packets: int
    ipv6: bool = False


def tag_of(fault: Fault) -> str:
    """The comment on every rule of this fault: the same for equal faults, whoever asks."""
    return f"seatrial-{fault.effect}-{digest(fault):08x}"


def digest(fault: Fault) -> int:
    """A number of 32 bits that only an equal fault has."""
    told = json.dumps(fault.to_json(), sort_keys=True).encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:4], "big")


def is_ipv6(address: str) -> bool:
    """Whether an address needs the other family's tools."""
    return ip_address(address).version == 6


def whole(address: str) -> str:
    """The address as a prefix of its full length, as iptables prints it."""
    return f"{address}/{128 if is_ipv6(address) else 32}"


def put(stack: Stack, container: dict[str, Any], tag: str, rules: Iterable[Rule]) -> None:
    """Make the rules. Raises CannotTell when the kernel or the container can't have one."""
    until = (datetime.now(UTC) + LEASE).strftime("%Y-%m-%dT%H:%M:%S")
    for rule in rules:
        verb = "-I" if rule.first else "-A"
        ours = ["-m", "time", "--datestop", until, "-m", "comment", "--comment", tag, "-j", *rule.target]
        tool = "ip6tables" if rule.ipv6 else "iptables"
        netns.run(stack, container, tool, "-w", "5", "-t", rule.table, verb, rule.chain, *rule.match, *ours)


def standing(stack: Stack, container: dict[str, Any], tag: str) -> list[Standing]:
    """The rules with that tag in the container's namespace, each with its counter."""
    found = tagged(netns.run(stack, container, "iptables-save", "-c"), tag)
    if _speaks_ipv6(container):
        found += tagged(netns.run(stack, container, "ip6tables-save", "-c"), tag, ipv6=True)
    return found


def tagged(saved: str, tag: str, *, ipv6: bool = False) -> list[Standing]:
    """The rules of an `iptables-save -c` text whose comment is `tag`, or begins with it when it ends in a dash."""
    found, table = [], ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif parsed := _COUNTED.match(line):
            words = tuple(shlex.split(parsed[2]))
            comment = words[words.index("--comment") + 1] if "--comment" in words else ""
            if comment == tag or (tag.endswith("-") and comment.startswith(tag)):
                found.append(Standing(table, words, int(parsed[1]), ipv6))
    return found


def remove(stack: Stack, services: Iterable[str], tag: str) -> None:
    """Delete the rules with that tag one by one. A container that was restarted since has none any more."""
    for container in with_network(stack, services):
        for rule in standing(stack, container, tag):
            tool = "ip6tables" if rule.ipv6 else "iptables"
            netns.run(stack, container, tool, "-w", "5", "-t", rule.table, "-D", *rule.words)


def anywhere(stack: Stack, services: Iterable[str], tag: str) -> list[Standing]:
    """The rules with that tag in any container of the services."""
    return [rule for container in with_network(stack, services) for rule in standing(stack, container, tag)]


def hit(stack: Stack, services: Iterable[str], tag: str) -> int:
    """How many packets the rules with that tag have matched."""
    return sum(rule.packets for rule in anywhere(stack, services, tag))


def with_network(stack: Stack, services: Iterable[str]) -> list[dict[str, Any]]:
    """The services' containers that have a network namespace now."""
    return [c for service in dict.fromkeys(services) for c in containers_of(stack, service) if c["State"].get("Pid")]


def knock(stack: Stack, container: dict[str, Any], address: str, port: int) -> None:
    """Try one connection from the container's namespace, for a rule's counter to tell of; what becomes of it doesn't matter.

    For a service that says nothing by itself while a fault stands that lets nothing through anyway.
    """
    host = f"[{address}]" if is_ipv6(address) else address
    with suppress(CannotTell):
        argv = ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-m", "0.3", f"http://{host}:{port}/"]
        netns.run(stack, container, *argv)


def _speaks_ipv6(container: dict[str, Any]) -> bool:
    return any(joined.get("GlobalIPv6Address") for joined in container["NetworkSettings"]["Networks"].values())
