"""Closes what the engine leaves open around a project's networks, with tagged rules that can be taken away one by one.

The engine filters by *published port*, so two ways stay open (measured on Engine 26): a routed neighbour reaches a
loopback-published port at the container's own address, and a container on a bridge without masquerade still sends
packets out, with its private source address. For each bridge of the project these rules say:

- into the bridge from elsewhere: only what came through a published port (DNAT) or belongs to such a connection;
- out of a bridge without masquerade: nothing new;
- from the bridge to the host itself: nothing new (the engine's DNS does not use this way).

They stand in DOCKER-USER (which the engine calls first and never empties) and INPUT, carry the comment
`seatrial:<project>`, and are deleted singly: no chain is ever flushed.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stack.completed import complete
from stack.errors import CannotTell
from stack.ops.command import FAILED, OK, answer

FORWARD_CHAIN = "DOCKER-USER"
INPUT_CHAIN = "INPUT"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
BRIDGE_NAME = "com.docker.network.bridge.name"


@dataclass(frozen=True, order=True)
class Bridge:
    """A bridge of the project as the kernel and the engine's options know it."""

    interface: str
    masquerade: bool
    ipv6: bool


@dataclass(frozen=True, order=True)
class Rule:
    """One rule: the chain and the arguments after it, without the tag."""

    chain: str
    arguments: tuple[str, ...]


def bridges_of(networks: Iterable[Mapping[str, Any]]) -> tuple[Bridge, ...]:
    """The bridges among a project's networks, given as the engine's inspect answers."""
    found = []
    for network in networks:
        if network.get("Driver") != "bridge":
            continue
        options = network.get("Options") or {}
        interface = options.get(BRIDGE_NAME) or f"br-{network['Id'][:12]}"
        found.append(
            Bridge(interface, str(options.get(MASQUERADE, "true")).lower() != "false", bool(network.get("EnableIPv6")))
        )
    return tuple(sorted(found))


def rules_for(bridges: Sequence[Bridge]) -> tuple[Rule, ...]:
    """The rules that close the gaps of these bridges, in the order in which they must stand."""
    new = ("-m", "conntrack", "--ctstate", "NEW")
    rules = []
    for bridge in bridges:
        into = ("!", "-i", bridge.interface, "-o", bridge.interface)
        rules.append(Rule(FORWARD_CHAIN, (*into, *new, "-m", "conntrack", "!", "--ctstate", "DNAT", "-j", "DROP")))
        if not bridge.masquerade:
            rules.append(Rule(FORWARD_CHAIN, ("-i", bridge.interface, "!", "-o", bridge.interface, *new, "-j", "DROP")))
        rules.append(Rule(INPUT_CHAIN, ("-i", bridge.interface, *new, "-j", "DROP")))
    return tuple(rules)


def tag(project: str) -> str:
    """The comment that marks the rules of a project."""
    return f"seatrial:{project}"


def tagged(listing: str, project: str) -> tuple[Rule, ...]:
    """The rules of a project in what `iptables -S` printed, ready to be deleted as they stand."""
    found = []
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"] and tag(project) in words:
            found.append(Rule(words[1], tuple(words[2:])))
    return tuple(found)


@dataclass(frozen=True)
class Tables:
    """One address family's filter table, by its program: `iptables` or `ip6tables`."""

    program: str

    def __call__(self, *arguments: str, check: bool = True) -> str:
        # -w: the engine changes rules at the same time; wait for the lock as it does.
        done = complete((self.program, "-w", "10", *arguments), timeout_seconds=15)
        if done.code != 0 and check:
            raise CannotTell(f"{self.program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def standing(self, project: str) -> tuple[Rule, ...]:
        """The project's rules as they stand in the kernel."""
        return tagged(self("-S"), project)

    def remove(self, project: str) -> int:
        """Deletes the project's rules one by one; how many there were."""
        rules = self.standing(project)
        for rule in rules:
            self("-D", rule.chain, *rule.arguments)
        return len(rules)

    def apply(self, project: str, rules: Sequence[Rule]) -> int:
        """Puts the rules in, first in their chains and in the given order, in place of the project's former ones."""
        self.remove(project)
        for chain in {rule.chain for rule in rules}:
            wanted = [rule for rule in rules if rule.chain == chain]
            for number, rule in enumerate(wanted, start=1):
                self("-I", rule.chain, str(number), "-m", "comment", "--comment", tag(project), *rule.arguments)
        return len(rules)


def families(bridges: Sequence[Bridge]) -> tuple[tuple[Tables, tuple[Bridge, ...]], ...]:
    """Which bridges each address family's table has to mind: IPv6 only those that carry it."""
    return ((Tables("iptables"), tuple(bridges)), (Tables("ip6tables"), tuple(b for b in bridges if b.ipv6)))


def apply(project: str) -> int:
    """Puts the project's rules in place, replacing former ones; how many stand. CannotTell without root, iptables or engine."""
    require()
    total = 0
    for table, bridges in families(bridges_of(networks_of(project))):
        rules = rules_for(bridges)
        if table.program == "ip6tables" and rules and "-N DOCKER-USER" not in table("-S"):
            # An engine without ip6tables support has no DOCKER-USER there; FORWARD itself is then the place.
            rules = tuple(
                Rule("FORWARD" if rule.chain == FORWARD_CHAIN else rule.chain, rule.arguments) for rule in rules
            )
        if table.program == "iptables":
            rules += flow_rules_of(project)
        if rules:
            total += table.apply(project, rules)
    return total


def remove(project: str) -> int:
    """Takes the project's rules away; how many there were. CannotTell without root or iptables."""
    require()
    return sum(table.remove(project) for table in (Tables("iptables"), Tables("ip6tables")))


def status(project: str) -> dict[str, list[str]]:
    """The project's rules as they stand, by program."""
    require()
    return {
        program: [f"{rule.chain} {shlex.join(rule.arguments)}" for rule in Tables(program).standing(project)]
        for program in ("iptables", "ip6tables")
    }


def flow_rules_of(project: str) -> tuple[Rule, ...]:
    """The rules that hold the project's services to the flows its profile promises."""
    from stack.flow_rules import rules_of  # here: the backup image has this folder and the standard library alone

    return rules_of(project)


def require() -> None:
    """CannotTell unless this process may change the host's filter rules."""
    from stack.vantage import require_root

    require_root()


def networks_of(project: str) -> list[dict[str, Any]]:
    """The project's networks as the engine's inspect answers."""
    from stack.driver import Driver

    return Driver.connect(project, ()).networks()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m stack.ops firewall`."""
    parser.add_argument(
        "action", choices=("up", "down", "status"), help="put the rules in, take them away, or show them"
    )
    parser.add_argument("--project", default="seatrial", help="compose project whose networks are meant")
    parser.add_argument("--dry-run", action="store_true", help="with up or down: show the rules and change nothing")


def main(args: argparse.Namespace) -> int:
    """Runs the command; 0 when done (also: nothing to do), 1 when `status` finds no rule."""
    if args.action == "status" or (args.dry_run and args.action == "down"):
        standing = status(args.project)
        lines = [f"{program}: {rule}" for program, rules in standing.items() for rule in rules]
        answer(args, dict(standing), "\n".join(lines) or f"no rule of {args.project} stands")
        return OK if lines or args.dry_run else FAILED
    if args.dry_run:
        rules = [
            f"{rule.chain} {shlex.join(rule.arguments)}" for rule in rules_for(bridges_of(networks_of(args.project)))
        ]
        answer(args, {"would_add": rules}, "\n".join(rules) or f"{args.project} has no bridge")
        return OK
    count = apply(args.project) if args.action == "up" else remove(args.project)
    done = "stand" if args.action == "up" else "were removed"
    answer(
        args,
        {"action": args.action, "project": args.project, "rules": count},
        f"{count} rules of {args.project} {done}",
    )
    return OK
