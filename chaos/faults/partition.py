"""Services that lose each other: packets between two sides vanish, and nothing says no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from chaos.effect import Fault
from chaos.faults import rules
from chaos.faults.peers import addresses, require_common_network, share_a_network
from chaos.faults.targets import running
from chaos.fingerprint import Fingerprint
from stack.errors import UserError

if TYPE_CHECKING:
    from stack.model import Stack

_DISCARD = 9
"""A port that nobody needs to listen on: a refusal is an answer too (RFC 863)."""
DIRECTIONS = ("both", "to", "from")


@dataclass(frozen=True)
class Partitioned(Fault):
    """The service and its peers drop each other's packets silently; DNS and everybody else stay reachable."""

    peers: tuple[str, ...]
    """The other side: services on a common network."""
    also: tuple[str, ...] = ()
    """Further services on this side: two halves that no longer hear each other."""
    bridge: str = ""
    """A service on neither side, which both go on reaching."""
    direction: str = "both"
    """`to`: only what this side sends to the other is lost; `from`: only what the other sends; else `both`."""

    effect: ClassVar[str] = "partitioned"
    family: ClassVar[str] = "network"

    def __post_init__(self) -> None:
        """Raises UserError for sides that are none."""
        if self.direction not in DIRECTIONS:
            raise UserError(f"{self}: a direction is one of {', '.join(DIRECTIONS)}")
        if not self.peers:
            raise UserError(f"{self}: it has no peers to lose")
        everybody = [self.service, *self.also, *self.peers, *([self.bridge] if self.bridge else [])]
        if twice := sorted({one for one in everybody if everybody.count(one) > 1}):
            raise UserError(f"{self}: {twice[0]} can only be in one place")

    @classmethod
    def halves(cls, left: Sequence[str], right: Sequence[str], *, bridge: str = "") -> Self:
        """Two groups of services that lose each other; `bridge` goes on reaching both. Raises UserError for an empty one."""
        if not left:
            raise UserError("a partition needs a service on each side")
        return cls(left[0], tuple(right), also=tuple(left[1:]), bridge=bridge)

    @property
    def side(self) -> tuple[str, ...]:
        """The services in whose network namespaces the rules stand."""
        return (self.service, *self.also)

    @property
    def targets(self) -> tuple[str, ...]:
        """The services whose packets are dropped; the peers only miss them."""
        return self.side

    def inject(self, stack: Stack) -> None:
        """Tagged DROP rules for each address of each peer, in this side's network namespaces."""
        self._require_sides(stack)
        for service in self.side:
            met = [peer for peer in self.peers if share_a_network(stack, service, peer)]
            for container in running(stack, service):
                found = [address for peer in met for address in addresses(stack, peer, container)]
                rules.put(stack, container, rules.tag_of(self), [rule for a in found for rule in self._drop(a)])

    def revert(self, stack: Stack) -> None:
        """Delete the rules that carry our tag, one by one. A container that was restarted since has none any more."""
        rules.remove(stack, self.side, rules.tag_of(self))

    def active(self, stack: Stack) -> bool:
        """Whether a rule with our tag stands."""
        return bool(rules.anywhere(stack, self.side, rules.tag_of(self)))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A rule of ours has dropped a packet: its counter says so. Where both sides are silent, this one is spoken for."""
        if not rules.hit(stack, self.side, rules.tag_of(self)):
            self._knock(stack)
        dropped = rules.hit(stack, self.side, rules.tag_of(self))
        between = {"both": "between", "to": "from", "from": "to"}[self.direction]
        joined = {"both": "and", "to": "to", "from": "from"}[self.direction]
        sides = f"{between} {', '.join(self.side)} {joined} {', '.join(self.peers)}"
        return f"{dropped} packets {sides} were dropped" if dropped else None

    def _knock(self, stack: Stack) -> None:
        for service in self.side:
            for peer in (one for one in self.peers if share_a_network(stack, service, one)):
                for container in rules.with_network(stack, [service]):
                    rules.knock(stack, container, addresses(stack, peer, container)[0], _DISCARD)
                    return

    def _drop(self, address: str) -> list[rules.Rule]:
        other, v6 = rules.whole(address), rules.is_ipv6(address)
        received = rules.Rule("INPUT", ("-s", other), ("DROP",), ipv6=v6)
        sent = rules.Rule("OUTPUT", ("-d", other), ("DROP",), ipv6=v6)
        return {"both": [received, sent], "to": [sent], "from": [received]}[self.direction]

    def _require_sides(self, stack: Stack) -> None:
        """Every service named must have somebody on the other side, or the cut would be none. Raises UserError."""
        if not self.also and len(self.peers) == 1:
            require_common_network(stack, self.service, self.peers[0], self)
        for one, others in [(one, self.peers) for one in self.side] + [(one, self.side) for one in self.peers]:
            if not any(share_a_network(stack, one, other) for other in others):
                raise UserError(f"{self}: {one} is on no common network with {' or '.join(others)}")
        if self.bridge:
            for side in (self.side, self.peers):
                if not any(share_a_network(stack, self.bridge, one) for one in side):
                    raise UserError(
                        f"{self}: {self.bridge} bridges nothing, it shares no network with {' or '.join(side)}"
                    )


def bisected(services: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The services as two halves, the first the smaller. Raises UserError for fewer than two."""
    if len(services) < 2:
        raise UserError("halves need two services at least")
    middle = len(services) // 2
    return tuple(services[:middle]), tuple(services[middle:])


def bridged(services: Sequence[str]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Two halves and the one between them that both still reach. Raises UserError for fewer than three."""
    if len(services) < 3:
        raise UserError("a bridge needs a service on each side of it")
    left, (bridge, *right) = bisected(services)
    return left, bridge, tuple(right)
