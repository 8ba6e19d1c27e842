"""Faults of the network: a service leaves a network, or can no longer talk to some of its peers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import netns
from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

TAG = "seatrial-partition"
"""The comment on every rule of ours: rules are found by it and deleted one by one; no chain is ever flushed, because
the engine's own DNS is a rule in the container's OUTPUT chain."""


@dataclass(frozen=True)
class Disconnected(Fault):
    """The service leaves one of its networks, and comes back with the aliases and the fixed address it is declared with."""

    network: str
    """The network's key in the compose file."""

    effect: ClassVar[str] = "disconnected"
    family: ClassVar[str] = "network"

    def inject(self, stack: Stack) -> None:
        """Leave the network. Raises CannotTell, and leaves nothing, where coming back would not restore what is there now."""
        network, declared = self._engine_name(stack), self._declared(stack).get("ipv4_address") or ""
        for container in running(stack, self.service):
            joined = container["NetworkSettings"]["Networks"].get(network)
            if joined is None:
                continue
            # A stack that was brought up with other variables (a subnet) than this session reads has another address.
            fixed = (joined.get("IPAMConfig") or {}).get("IPv4Address") or ""
            if fixed != declared:
                raise CannotTell(
                    f"{self}: {container['Name'].lstrip('/')} has the fixed address {fixed or 'none'} and the compose file says "
                    f"{declared or 'none'}: give this session the variables the stack was brought up with"
                )
            stack.driver.disconnect_network(container["Id"], network)

    def revert(self, stack: Stack) -> None:
        """Join again, as compose would have it; a container that is a member already is left alone."""
        network, declared = self._engine_name(stack), self._declared(stack)
        for container in containers_of(stack, self.service):
            if network not in container["NetworkSettings"]["Networks"]:
                names = [container["Name"].lstrip("/"), self.service, *(declared.get("aliases") or [])]
                stack.driver.connect_network(
                    container["Id"],
                    network,
                    aliases=list(dict.fromkeys(names)),
                    ipv4_address=declared.get("ipv4_address"),
                )

    def active(self, stack: Stack) -> bool:
        """Whether a running container of the service is not in the network."""
        network = self._engine_name(stack)
        return any(network not in c["NetworkSettings"]["Networks"] for c in containers_of(stack, self.service))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The engine lists the container as no member."""
        return f"{self.service} is not in network {self.network}" if self.active(stack) else None

    def _engine_name(self, stack: Stack) -> str:
        networks = stack.rendered.get("networks") or {}
        if self.network not in networks or self.network not in self._networks_of_service(stack):
            raise UserError(f"{self}: {self.service} is in no network {self.network!r}")
        return str(networks[self.network].get("name") or f"{stack.project}_{self.network}")

    def _declared(self, stack: Stack) -> dict[str, Any]:
        return dict(self._networks_of_service(stack).get(self.network) or {})

    def _networks_of_service(self, stack: Stack) -> dict[str, Any]:
        return dict(stack.rendered["services"][self.service].get("networks") or {})


@dataclass(frozen=True)
class Partitioned(Fault):
    """The service and its peers drop each other's packets silently, both ways; DNS and everybody else stay reachable."""

    peers: tuple[str, ...]
    """Services on a common network."""

    effect: ClassVar[str] = "partitioned"
    family: ClassVar[str] = "network"

    def inject(self, stack: Stack) -> None:
        """Tagged DROP rules for each address of each peer, in the service's own network namespace."""
        addresses = [address for peer in self.peers for c in running(stack, peer) for address in _addresses(c)]
        if not addresses:
            raise CannotTell(f"{self}: the peers have no address")
        for container in running(stack, self.service):
            for address in addresses:
                netns.run(stack, container, *_rule("-A", "INPUT", "-s", address))
                netns.run(stack, container, *_rule("-A", "OUTPUT", "-d", address))

    def revert(self, stack: Stack) -> None:
        """Delete the rules that carry our tag, one by one. A container that was restarted since has none any more."""
        for container in _with_network(stack, self.service):
            for rule in _tagged(netns.run(stack, container, "iptables-save", "-t", "filter")):
                netns.run(stack, container, "iptables", "-w", "5", "-D", *rule)

    def active(self, stack: Stack) -> bool:
        """Whether a rule with our tag stands."""
        return any(
            _tagged(netns.run(stack, container, "iptables-save", "-t", "filter"))
            for container in _with_network(stack, self.service)
        )

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A rule of ours has dropped a packet: its counter says so."""
        for container in _with_network(stack, self.service):
            dropped = _dropped_packets(netns.run(stack, container, "iptables-save", "-c", "-t", "filter"))
            if dropped:
                return f"{dropped} packets between {self.service} and {', '.join(self.peers)} were dropped"
        return None


def _rule(verb: str, chain: str, side: str, address: str) -> list[str]:
    return ["iptables", "-w", "5", verb, chain, side, f"{address}/32", "-m", "comment", "--comment", TAG, "-j", "DROP"]


def _tagged(saved: str) -> list[list[str]]:
    """The rules of an iptables-save text with our tag, as arguments for -D."""
    return [shlex.split(line)[1:] for line in saved.splitlines() if line.startswith("-A") and TAG in line]


def _dropped_packets(saved: str) -> int:
    """The sum of the packet counters of our rules in an `iptables-save -c` text: `[packets:bytes] -A INPUT …`."""
    return sum(int(line[1 : line.index(":")]) for line in saved.splitlines() if line.startswith("[") and TAG in line)


def _addresses(container: dict[str, Any]) -> list[str]:
    return [n["IPAddress"] for n in container["NetworkSettings"]["Networks"].values() if n.get("IPAddress")]


def _with_network(stack: Stack, service: str) -> list[dict[str, Any]]:
    return [c for c in containers_of(stack, service) if c["State"].get("Pid")]
