"""Slow a connection down where the kernel can't (no netem): Toxiproxy enters the target's network and is put in the way.

The proxy runs in a helper container that joins the target's network namespace, and a tagged REDIRECT sends new connections
to the chosen destination through it; the proxy's own uid is exempt, or its connections would come back to it. Nothing of the
target is rewired. Connections that stand already are not touched: the kernel decides about a connection at its start.
"""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import netns
from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from stack.model import Stack

TAG = "seatrial-latency"
_UID = "31337"
_API = "http://127.0.0.1:28474"
_LISTENS = 28475
_EXPIRES_SECONDS = 600
"""The helper ends by itself, should nobody ever revert."""


@dataclass(frozen=True)
class Latency(Fault):
    """Answers from one peer's port reach the service later than they were sent."""

    peer: str
    """The service on the other side."""
    port: int
    """The peer's TCP port."""
    milliseconds: int
    """By how much each answer is late."""

    effect: ClassVar[str] = "latency"
    family: ClassVar[str] = "network"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def inject(self, stack: Stack) -> None:
        """Start the proxy, make it slow, and only then put it in the way."""
        for container in running(stack, self.service):
            address = _address(stack, self.peer, container)
            helper = stack.driver.run_helper(
                [
                    "timeout",
                    str(_EXPIRES_SECONDS),
                    "toxiproxy-server",
                    "-host",
                    "127.0.0.1",
                    "-port",
                    _API.rpartition(":")[2],
                ],
                network=f"container:{container['Id']}",
                user=_UID,
                detach=True,
                labels=self.tools,
            )
            assert isinstance(helper, str)
            eventually(
                lambda helper=helper: _ask(stack, helper, "GET", "/version"),  # type: ignore[misc]
                within=timedelta(seconds=10),
                every=timedelta(milliseconds=50),
                what="Toxiproxy",
            )
            proxy = {
                "name": TAG,
                "listen": f"127.0.0.1:{_LISTENS}",
                "upstream": f"{address}:{self.port}",
                "enabled": True,
            }
            toxic = {"type": "latency", "attributes": {"latency": self.milliseconds, "jitter": 0}}
            if not (
                _ask(stack, helper, "POST", "/proxies", proxy)
                and _ask(stack, helper, "POST", f"/proxies/{TAG}/toxics", toxic)
            ):
                raise CannotTell(f"{self}: Toxiproxy does not take its orders")
            netns.run(stack, container, *self._rule("-A", address))

    def revert(self, stack: Stack) -> None:
        """Delete our rules one by one, let what is under way end, then remove the helper: nobody is cut off."""
        in_use = False
        for container in _with_network(stack, self.service):
            for rule in _tagged(stack, container):
                in_use = True
                netns.run(stack, container, "iptables", "-w", "5", "-t", "nat", "-D", *rule)
        if in_use:
            # Two late answers: a request that has just begun may need a second one.
            pause(2 * self.milliseconds / 1000 + 0.1)
        stack.driver.remove_helpers(**self.tools)

    def active(self, stack: Stack) -> bool:
        """Whether a rule of ours stands."""
        return any(_tagged(stack, container) for container in _with_network(stack, self.service))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A connection went through the proxy: the rule's counter says so."""
        for container in _with_network(stack, self.service):
            saved = netns.run(stack, container, "iptables-save", "-c", "-t", "nat")
            count = sum(
                int(line[1 : line.index(":")]) for line in saved.splitlines() if line.startswith("[") and TAG in line
            )
            if count:
                return f"{count} connections from {self.service} to {self.peer}:{self.port} went through the slow proxy"
        return None

    def _rule(self, verb: str, address: str) -> list[str]:
        to_peer = ["-d", f"{address}/32", "-p", "tcp", "-m", "tcp", "--dport", str(self.port)]
        not_the_proxy = ["-m", "owner", "!", "--uid-owner", _UID]
        tagged = ["-m", "comment", "--comment", TAG, "-j", "REDIRECT", "--to-ports", str(_LISTENS)]
        return ["iptables", "-w", "5", "-t", "nat", verb, "OUTPUT", *to_peer, *not_the_proxy, *tagged]


def _ask(stack: Stack, helper: str, method: str, path: str, body: dict[str, Any] | None = None) -> bool:
    argv = ["curl", "-sf", "-o", "/dev/null", "-m", "2", "-X", method, f"{_API}{path}"]
    argv += ["-d", json.dumps(body)] if body else []
    with suppress(CannotTell):
        return stack.driver.exec(helper, argv).ok
    return False


def _tagged(stack: Stack, container: dict[str, Any]) -> list[list[str]]:
    saved = netns.run(stack, container, "iptables-save", "-t", "nat")
    return [shlex.split(line)[1:] for line in saved.splitlines() if line.startswith("-A") and TAG in line]


def _address(stack: Stack, peer: str, container: dict[str, Any]) -> str:
    """The peer's address on a network that both are in."""
    common = container["NetworkSettings"]["Networks"].keys()
    for other in running(stack, peer):
        for name, joined in other["NetworkSettings"]["Networks"].items():
            if name in common and joined.get("IPAddress"):
                return str(joined["IPAddress"])
    raise CannotTell(f"{peer} has no address on a network of {container['Name'].lstrip('/')}")


def _with_network(stack: Stack, service: str) -> list[dict[str, Any]]:
    return [c for c in containers_of(stack, service) if c["State"].get("Pid")]
