"""Names that don't resolve, resolve late or are said not to exist: for one service only, the engine's DNS goes on for the others."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import netns
from chaos.effect import Fault
from chaos.faults import helper, rules
from chaos.faults.targets import running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

_ENGINES_DNS = "127.0.0.11/32"
_ENGINES_CHAIN = "DOCKER_OUTPUT"
_ZONE = "31337"
"""A conntrack zone of its own for the questions, so that a resolver that keeps one socket for all of them is not sent where its
first one went: the kernel redirects a flow at its start only, and in another zone it starts anew."""
_RELAY = Path(__file__).with_name("dns_relay.py")


@dataclass(frozen=True)
class DnsBroken(Fault):
    """The service's questions for names are not answered, answered late, or answered with "no such name"."""

    answers: str = "none"
    """`none`, `late` or `nxdomain`."""
    milliseconds: int = 0
    """How late, for `late`."""

    effect: ClassVar[str] = "dns_broken"
    family: ClassVar[str] = "network"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def __post_init__(self) -> None:
        """Raises UserError for an answer that there is not, and for a lateness that is none."""
        if self.answers not in ("none", "late", "nxdomain"):
            raise UserError(f"{self}: answers are none, late or nxdomain")
        if (self.milliseconds > 0) is not (self.answers == "late"):
            raise UserError(f"{self}: late answers are late by some milliseconds, and others by none")

    def inject(self, stack: Stack) -> None:
        """Drop the questions on their way to the engine's DNS, or send them to a relay of ours first.

        Raises CannotTell where names are not asked at the engine's DNS (the default bridge, the host's network).
        """
        for container in running(stack, self.service):
            if _ENGINES_CHAIN not in netns.run(stack, container, "iptables-save", "-t", "nat"):
                raise CannotTell(f"{self}: {container['Name'].lstrip('/')} does not ask the engine's DNS for names")
            if self.answers == "none":
                # Where they arrive, not where they leave: the asker's kernel would tell it at once.
                silence = rules.Rule("INPUT", ("-d", _ENGINES_DNS), ("DROP",))
                rules.put(stack, container, rules.tag_of(self), [silence])
            else:
                self._relay(stack, container)

    def revert(self, stack: Stack) -> None:
        """Delete our rules one by one, then remove the relay; who waits for a late answer asks again."""
        rules.remove(stack, [self.service], rules.tag_of(self))
        stack.driver.remove_helpers(**self.tools)

    def active(self, stack: Stack) -> bool:
        """Whether a rule or a helper of ours stands."""
        return bool(rules.anywhere(stack, [self.service], rules.tag_of(self))) or bool(
            stack.driver.helpers(**self.tools)
        )

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A question was dropped, or went to the relay: a rule's counter says so. A service that asks nothing is made to ask."""
        asked = self._asked(stack)
        if not asked:
            for container in rules.with_network(stack, [self.service]):
                with suppress(CannotTell):  # an image without getent: then its own program's questions must do
                    stack.driver.exec(container["Id"], ["timeout", "1", "getent", "hosts", self.service])
            asked = self._asked(stack)
        said = {"none": "nothing", "late": f"its answer {self.milliseconds} ms later", "nxdomain": "no such name"}
        return f"{asked} questions of {self.service} for names got {said[self.answers]}" if asked else None

    def _asked(self, stack: Stack) -> int:
        ours = rules.anywhere(stack, [self.service], rules.tag_of(self))
        return sum(rule.packets for rule in ours if not {"DROP", "REDIRECT"}.isdisjoint(rule.words))

    def _relay(self, stack: Stack, container: dict[str, Any]) -> None:
        with helper.place_in(stack, container) as place:
            port = place.control
            late = [str(self.milliseconds)] if self.answers == "late" else []
            helper.start(
                stack,
                container,
                place,
                ["python3", "-I", "-c", _RELAY.read_text(), str(port), self.answers, *late],
                labels=self.tools,
                is_ready=lambda: bool(netns.run(stack, container, "ss", "-Hltn", f"sport = :{port}").strip()),
                what="the DNS relay",
            )
            made = []
            for protocol in ("udp", "tcp"):
                asked = ("-d", _ENGINES_DNS, "-p", protocol, "-m", protocol, "--dport", "53")
                answered = ("-s", "127.0.0.1/32", "-p", protocol, "-m", protocol, "--sport", str(port))
                redirect = place.redirect(asked, port)
                made += [
                    rules.Rule("OUTPUT", answered, ("CT", "--zone", _ZONE), table="raw"),
                    rules.Rule("OUTPUT", redirect.match, ("CT", "--zone", _ZONE), table="raw"),
                    redirect,
                ]
            rules.put(stack, container, rules.tag_of(self), made)
