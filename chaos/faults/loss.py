"""Packets between a service and its peer that get lost now and then, both ways: what TCP repairs, at a price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from chaos import capabilities
from chaos.effect import Fault
from chaos.faults import netem, rules
from chaos.faults.peers import addresses, require_common_network
from chaos.faults.targets import running
from chaos.fingerprint import Fingerprint
from stack.errors import UserError

if TYPE_CHECKING:
    from stack.model import Stack

_ALL = 100


@dataclass(frozen=True)
class Loss(Fault):
    """Every packet between the service and its peer is lost with the same probability, whichever way it goes."""

    peer: str
    """The service on the other side."""
    percent: float
    """Of the packets, each way, 0 to 100."""

    effect: ClassVar[str] = "loss"
    family: ClassVar[str] = "network"

    def __post_init__(self) -> None:
        """Raises UserError when that is no share."""
        if not 0 < self.percent <= _ALL:
            raise UserError(f"{self}: {self.percent:g} % of the packets can't be lost")

    @property
    def targets(self) -> tuple[str, ...]:
        """Both: each loses what the other sent."""
        return (self.service, self.peer)

    def netem(self) -> tuple[str, ...]:
        """The effect in netem's words (tc-netem(8))."""
        return ("netem", "limit", "10000", "loss", "random", f"{self.percent:g}%")

    def inject(self, stack: Stack) -> None:
        """Lose packets on their way out by netem, or else where they arrive, by the `statistic` match.

        Never by a rule on their way out: the sender's kernel would hear of it and send again at once.
        """
        require_common_network(stack, self.service, self.peer, self)
        sides = [
            (container, addresses(stack, other, container))
            for one, other in ((self.service, self.peer), (self.peer, self.service))
            for container in running(stack, one)
        ]
        if capabilities.netem(stack.driver).present and all(
            netem.is_free(stack, container, device)
            for container, met in sides
            for device in netem.devices(stack, container, met)
        ):
            for container, met in sides:
                netem.put(stack, container, netem.handle_of(self), leaf=self.netem(), to=met)
            return
        for container, met in sides:
            rules.put(stack, container, rules.tag_of(self), [self._dropping(address) for address in met])

    def revert(self, stack: Stack) -> None:
        """Delete our rules and queues on both sides, one by one."""
        rules.remove(stack, self.targets, rules.tag_of(self))
        netem.remove(stack, self.targets, netem.handle_of(self))

    def active(self, stack: Stack) -> bool:
        """Whether a rule or a queue of ours stands on either side."""
        return bool(rules.anywhere(stack, self.targets, rules.tag_of(self))) or netem.anywhere(
            stack, self.targets, netem.handle_of(self)
        )

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A packet was lost: a counter says so."""
        lost = rules.hit(stack, self.targets, rules.tag_of(self))
        if not lost:
            lost = netem.dropped(stack, self.targets, netem.handle_of(self))
        return f"{lost} packets between {self.service} and {self.peer} were lost" if lost else None

    def _dropping(self, address: str) -> rules.Rule:
        chance = ("-m", "statistic", "--mode", "random", "--probability", f"{self.percent / _ALL:.8f}")
        return rules.Rule("INPUT", ("-s", rules.whole(address), *chance), ("DROP",), ipv6=rules.is_ipv6(address))
