"""The kernel's own queue (netem) in a container's way out, where the kernel has it: `tc`, one fault a device at a time.

Not tried on a real kernel here: this project's machine has no sch_netem. What surrounds netem (the root, the class, the
filters, finding it all again) is tried with another kind of queue in its place; see docs/adr/0017.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chaos import netns
from chaos.faults import rules
from chaos.faults.rules import digest
from stack.errors import CannotTell

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

_DEFAULTS = ("noqueue", "pfifo_fast", "fq_codel", "mq", "fq", "noop")
_ROOT = re.compile(r"^qdisc (\S+) (\S+): dev (\S+) root", re.MULTILINE)
_SENT = re.compile(r"Sent \d+ bytes (\d+) pkt \(dropped (\d+)")


def handle_of(fault: Fault) -> str:
    """The fault's queue by its number, 1000 to fffe: the same for equal faults, whoever asks (tc counts in hexadecimal)."""
    return f"{0x1000 + digest(fault) % (0xFFFF - 0x1000):x}"


def devices(stack: Stack, container: dict[str, Any], addresses: Sequence[str]) -> dict[str, list[str]]:
    """The addresses by the network device that leads to them, as the container's routes have it now."""
    found: dict[str, list[str]] = {}
    for address in addresses:
        words = netns.run(stack, container, "ip", "-o", "route", "get", address).split()
        if "dev" not in words:
            raise CannotTell(f"{container['Name'].lstrip('/')} has no way to {address}")
        found.setdefault(words[words.index("dev") + 1], []).append(address)
    return found


def is_free(stack: Stack, container: dict[str, Any], device: str) -> bool:
    """Whether nobody has put a queue of his own on the device; another fault of ours counts as somebody."""
    # Asked about one device, tc leaves its name out: ask about all.
    shown = netns.run(stack, container, "tc", "qdisc", "show")
    return all(kind in _DEFAULTS for kind, _, where in _ROOT.findall(shown) if where == device)


def commands(handle: str, device: str, leaf: Sequence[str], to: Sequence[str], port: int | None) -> list[list[str]]:
    """tc's argument lists that send what goes out by `device` to the addresses (from TCP `port`, if any) through `leaf`.

    What no filter takes is not touched: htb without a default class lets it pass unqueued (tc-htb(8)).
    """
    made = [
        ["qdisc", "add", "dev", device, "root", "handle", f"{handle}:", "htb"],
        ["class", "add", "dev", device, "parent", f"{handle}:", "classid", f"{handle}:1", "htb", "rate", "10gbit"],
        ["qdisc", "add", "dev", device, "parent", f"{handle}:1", *leaf],
    ]
    for address in to:
        v6 = rules.is_ipv6(address)
        ip, protocol, priority = ("ip6", "ipv6", "2") if v6 else ("ip", "ip", "1")
        matched = ["match", ip, "dst", rules.whole(address)]
        if port is not None:
            matched += ["match", ip, "protocol", "6", "0xff", "match", ip, "sport", str(port), "0xffff"]
        where = ["filter", "add", "dev", device, "parent", f"{handle}:", "protocol", protocol, "prio", priority, "u32"]
        made.append([*where, *matched, "flowid", f"{handle}:1"])
    return made


def put(
    stack: Stack,
    container: dict[str, Any],
    handle: str,
    *,
    leaf: Sequence[str],
    to: Sequence[str],
    port: int | None = None,
) -> None:
    """Queue what the container sends to the addresses. Raises CannotTell when the kernel refuses."""
    for device, behind in devices(stack, container, to).items():
        for argv in commands(handle, device, leaf, behind, port):
            netns.run(stack, container, "tc", *argv)


def standing(stack: Stack, container: dict[str, Any], handle: str) -> list[str]:
    """The devices that carry our root; they may have been renamed since."""
    shown = netns.run(stack, container, "tc", "qdisc", "show")
    return [device for _, number, device in _ROOT.findall(shown) if number == handle]


def remove(stack: Stack, services: Sequence[str], handle: str) -> None:
    """Delete our root wherever it is; all that hangs below goes with it, and the kernel's default comes back."""
    for container in rules.with_network(stack, services):
        for device in standing(stack, container, handle):
            netns.run(stack, container, "tc", "qdisc", "del", "dev", device, "root", "handle", f"{handle}:")


def anywhere(stack: Stack, services: Sequence[str], handle: str) -> bool:
    """Whether our root stands in any container of the services."""
    return any(standing(stack, container, handle) for container in rules.with_network(stack, services))


def packets(stack: Stack, services: Sequence[str], handle: str) -> int:
    """How many packets went through what hangs below our roots."""
    return sum(sent for sent, _ in _counted(stack, services, handle))


def dropped(stack: Stack, services: Sequence[str], handle: str) -> int:
    """How many packets were lost in what hangs below our roots."""
    return sum(lost for _, lost in _counted(stack, services, handle))


def _counted(stack: Stack, services: Sequence[str], handle: str) -> list[tuple[int, int]]:
    return [
        counters(netns.run(stack, container, "tc", "-s", "qdisc", "show", "dev", device), handle)
        for container in rules.with_network(stack, services)
        for device in standing(stack, container, handle)
    ]


def counters(shown: str, handle: str) -> tuple[int, int]:
    """The packets that a `tc -s qdisc show` text counts as sent, and as dropped, below our root."""
    blocks = re.split(r"^(?=qdisc )", shown, flags=re.MULTILINE)
    below = [block for block in blocks if f"parent {handle}:1 " in f"{block.partition(chr(10))[0]} "]
    seen = [(int(one[1]), int(one[2])) for block in below if (one := _SENT.search(block))]
    return sum(sent for sent, _ in seen), sum(lost for _, lost in seen)
