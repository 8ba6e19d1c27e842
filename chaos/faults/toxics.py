"""Connections from a service to one port of a peer that suffer: late, uneven, narrow, reset, slow to close, unanswered.

One family: each fault says what it is in Toxiproxy's words and, where the kernel's netem can do it too, in netem's. The kernel's
way is taken when it has netem and nobody's queue is in the way; else Toxiproxy enters the service's network (chaos/faults/helper.py).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from chaos import capabilities
from chaos.effect import Fault
from chaos.faults import helper, netem, proxy, rules
from chaos.faults.peers import addresses, require_common_network
from chaos.faults.proxy import Toxic
from chaos.faults.targets import running
from chaos.fingerprint import Fingerprint
from stack.errors import UserError

if TYPE_CHECKING:
    from stack.model import Stack

_LAST_PORT = 65535


@dataclass(frozen=True)
class _Suffering(Fault):
    """What these faults share: a peer's port, and two ways to poison what goes there."""

    peer: str
    """The service on the other side."""
    port: int
    """The peer's TCP port."""

    family: ClassVar[str] = "network"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)
    old: ClassVar[tuple[str, ...]] = ()
    """What iptables does to connections that stand already: nothing, unless a fault says so (they can't be sent elsewhere)."""
    drains_within: ClassVar[timedelta] = helper.DRAINS_WITHIN
    """How long what is under way may take to end once the poison is out."""

    def __post_init__(self) -> None:
        """Raises UserError for numbers that make no sense."""
        if not 0 < self.port <= _LAST_PORT:
            raise UserError(f"{self}: {self.port} is no TCP port")
        for name, value in self.parameters.items():
            if isinstance(value, int) and value < 0:
                raise UserError(f"{self}: {name} can't be less than nothing")

    @abstractmethod
    def toxic(self) -> Toxic:
        """The effect in Toxiproxy's words."""

    def netem(self) -> tuple[str, ...] | None:
        """The effect in netem's words (tc-netem(8)); None when netem has none for it."""
        return None

    @property
    def targets(self) -> tuple[str, ...]:
        """The service, and the peer where the kernel queues what it answers."""
        return (self.service, self.peer) if self.netem() else (self.service,)

    def inject(self, stack: Stack) -> None:
        """Put the kernel's queue, or a proxy that is toxic already, in the way."""
        require_common_network(stack, self.service, self.peer, self)
        if not self._queued_by_the_kernel(stack):
            for container in running(stack, self.service):
                to = [(address, self.port) for address in addresses(stack, self.peer, container)]
                proxy.put_in_the_way(
                    stack,
                    container,
                    tag=rules.tag_of(self),
                    labels=self.tools,
                    to=to,
                    toxics=[self.toxic()],
                    old=self.old,
                )

    def revert(self, stack: Stack) -> None:
        """Delete our rules one by one, let what is under way end, then remove the helper: nobody is cut off."""
        rules.remove(stack, [self.service], rules.tag_of(self))
        if self.netem():
            netem.remove(stack, [self.peer], netem.handle_of(self))
        proxy.take_out(stack, self.tools, drains_within=self.drains_within)

    def active(self, stack: Stack) -> bool:
        """Whether a rule, a queue or a helper of ours stands."""
        return (
            bool(rules.anywhere(stack, [self.service], rules.tag_of(self)))
            or bool(stack.driver.helpers(**self.tools))
            or (self.netem() is not None and netem.anywhere(stack, [self.peer], netem.handle_of(self)))
        )

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A connection went through the proxy, or a packet through the kernel's queue: a counter says so."""
        where = f"from {self.service} to {self.peer}:{self.port}"
        if count := _counted(rules.anywhere(stack, [self.service], rules.tag_of(self)), "REDIRECT"):
            return f"{count} connections {where} went through the proxy"
        queued = netem.packets(stack, [self.peer], netem.handle_of(self)) if self.netem() else 0
        return f"{queued} packets that answer connections {where} went through the kernel's queue" if queued else None

    def _queued_by_the_kernel(self, stack: Stack) -> bool:
        """What the peer answers is queued where it leaves the peer, so that netem delays what the proxy would."""
        words = self.netem()
        if words is None or not capabilities.netem(stack.driver).present:
            return False
        ways = [(container, addresses(stack, self.service, container)) for container in running(stack, self.peer)]
        for container, to in ways:
            if not all(netem.is_free(stack, container, device) for device in netem.devices(stack, container, to)):
                return False
        for container, to in ways:
            netem.put(stack, container, netem.handle_of(self), leaf=words, to=to, port=self.port)
        return True


@dataclass(frozen=True)
class Latency(_Suffering):
    """Answers from one peer's port reach the service later than they were sent."""

    milliseconds: int
    """By how much each answer is late."""

    effect: ClassVar[str] = "latency"

    def toxic(self) -> Toxic:
        """Each piece of an answer is held back."""
        return Toxic("latency", {"latency": self.milliseconds, "jitter": 0})

    def netem(self) -> tuple[str, ...]:
        """Each packet is held back."""
        return ("netem", "limit", "10000", "delay", f"{self.milliseconds}ms")


@dataclass(frozen=True)
class Jitter(_Suffering):
    """Answers from one peer's port are late by an amount that changes all the time."""

    milliseconds: int
    """By how much an answer is late on average."""
    spread_milliseconds: int
    """By how much more or less that is at most, evenly distributed."""

    effect: ClassVar[str] = "jitter"

    def __post_init__(self) -> None:
        """Raises UserError when an answer would have to arrive before it was sent."""
        super().__post_init__()
        if self.spread_milliseconds > self.milliseconds:
            raise UserError(f"{self}: an answer can't be more than {self.milliseconds} ms less late than that")

    def toxic(self) -> Toxic:
        """Each piece of an answer is held back for its own time; their order stays."""
        return Toxic("latency", {"latency": self.milliseconds, "jitter": self.spread_milliseconds})

    def netem(self) -> tuple[str, ...]:
        """Each packet is held back for its own time; `uniform` is netem's default, packets may overtake each other."""
        return ("netem", "limit", "10000", "delay", f"{self.milliseconds}ms", f"{self.spread_milliseconds}ms")


@dataclass(frozen=True)
class Bandwidth(_Suffering):
    """Answers from one peer's port come through a narrow pipe, one for each connection."""

    kilobytes_per_second: int
    """Of 1,000 bytes."""

    effect: ClassVar[str] = "bandwidth"

    def __post_init__(self) -> None:
        """Raises UserError for a pipe that nothing goes through: that is a Blackhole."""
        super().__post_init__()
        if not self.kilobytes_per_second:
            raise UserError(f"{self}: through a pipe of nothing nothing comes, which is a blackhole")

    def toxic(self) -> Toxic:
        """So many bytes every tenth of a second."""
        return Toxic("bandwidth", {"rate": self.kilobytes_per_second})

    def netem(self) -> tuple[str, ...]:
        """The kernel has one pipe for all connections, which is as narrow for one."""
        return ("netem", "limit", "10000", "rate", f"{8 * self.kilobytes_per_second}kbit")


@dataclass(frozen=True)
class Reset(_Suffering):
    """Connections to one peer's port are accepted and then reset (TCP RST), those that stand already as well."""

    lost: str = "answers"
    """`requests`: the peer never hears of them; `answers`: it does what it is asked, and nobody learns that it did."""

    effect: ClassVar[str] = "reset"
    old: ClassVar[tuple[str, ...]] = ("REJECT", "--reject-with", "tcp-reset")

    def __post_init__(self) -> None:
        """Raises UserError for anything else that could be lost."""
        super().__post_init__()
        if self.lost not in ("answers", "requests"):
            raise UserError(f"{self}: what is lost is answers or requests")

    def toxic(self) -> Toxic:
        """The first bytes reset the connection instead of passing."""
        return Toxic("reset_peer", {"timeout": 0}, "downstream" if self.lost == "answers" else "upstream")


@dataclass(frozen=True)
class SlowClose(_Suffering):
    """Connections to one peer's port stay open for a while after the peer has closed them."""

    milliseconds: int
    """For how long."""

    effect: ClassVar[str] = "slow_close"

    def toxic(self) -> Toxic:
        """The answer arrives at once, its end does not."""
        return Toxic("slow_close", {"delay": self.milliseconds})


@dataclass(frozen=True)
class Blackhole(_Suffering):
    """One peer's port takes what it is sent and never answers."""

    accepts: bool = True
    """Whether connections are accepted (a hung program), or packets vanish (a firewall)."""

    effect: ClassVar[str] = "blackhole"
    old: ClassVar[tuple[str, ...]] = ("DROP",)
    drains_within: ClassVar[timedelta] = timedelta(0)  # what was sent is gone: no answer is under way

    def toxic(self) -> Toxic:
        """Connections stay open, and what is sent never arrives, so that the peer does not close them; they end with the fault."""
        return Toxic("timeout", {"timeout": 0}, "upstream")

    def inject(self, stack: Stack) -> None:
        """Put a proxy in the way that passes nothing on, or tagged rules that drop what goes to the port.

        What is sent on connections that stand already is dropped either way.
        """
        if self.accepts:
            super().inject(stack)
            return
        require_common_network(stack, self.service, self.peer, self)
        for container in running(stack, self.service):
            dropped = [self._dropping(address) for address in addresses(stack, self.peer, container)]
            rules.put(stack, container, rules.tag_of(self), dropped)

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A connection, or a packet, went where nothing answers: a rule's counter says so. A silent service is spoken for."""
        if not rules.hit(stack, [self.service], rules.tag_of(self)):
            for container in rules.with_network(stack, [self.service]):
                rules.knock(stack, container, addresses(stack, self.peer, container)[0], self.port)
        ours = rules.anywhere(stack, [self.service], rules.tag_of(self))
        taken, dropped = _counted(ours, "REDIRECT"), _counted(ours, "DROP")
        what = " and ".join(f"{count} {of}" for count, of in ((taken, "connections"), (dropped, "packets")) if count)
        return f"{what} from {self.service} to {self.peer}:{self.port} are not answered" if what else None

    def _dropping(self, address: str) -> rules.Rule:
        match = ("-d", rules.whole(address), "-p", "tcp", "-m", "tcp", "--dport", str(self.port))
        return rules.Rule("OUTPUT", match, ("DROP",), ipv6=rules.is_ipv6(address))


def _counted(standing: list[rules.Standing], target: str) -> int:
    return sum(rule.packets for rule in standing if target in rule.words)
