"""Toxiproxy in a target's way: what TCP suffers from where the kernel has no netem, and what netem never does (resets)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos import netns
from chaos.faults import helper, rules
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Toxic:
    """One of Toxiproxy's toxics: its type, the stream it poisons, its attributes (Shopify/toxiproxy, README, Toxics)."""

    type: str
    attributes: Mapping[str, int] = field(default_factory=dict)
    stream: str = "downstream"
    """`downstream`: what the peer answers; `upstream`: what it is sent."""


def put_in_the_way(
    stack: Stack,
    container: dict[str, Any],
    *,
    tag: str,
    labels: Mapping[str, str],
    to: Sequence[tuple[str, int]],
    toxics: Sequence[Toxic],
    old: Sequence[str] = (),
) -> None:
    """Start a proxy in the container's network, make it toxic, and only then send connections to `to` through it.

    `to` is addresses with a port; `old` is iptables' target for what goes there on connections that stand already. Raises CannotTell when the helper can't be had or Toxiproxy does not take its orders.
    """
    with helper.place_in(stack, container) as place:
        argv = ["toxiproxy-server", "-host", "127.0.0.1", "-port", str(place.control)]
        helper.start(
            stack,
            container,
            place,
            argv,
            labels=labels,
            is_ready=lambda: _ask(stack, container, place, "GET", "/version"),
            what="Toxiproxy",
        )
        made = []
        for index, (address, port) in enumerate(to):
            v6 = rules.is_ipv6(address)
            listens = place.port(index)
            proxy = {
                "name": f"{index}",
                "listen": f"{'[::1]' if v6 else '127.0.0.1'}:{listens}",
                "upstream": f"{f'[{address}]' if v6 else address}:{port}",
                "enabled": True,
            }
            _ask(stack, container, place, "POST", "/proxies", proxy)
            for toxic in toxics:
                poison = {"type": toxic.type, "stream": toxic.stream, "attributes": dict(toxic.attributes)}
                _ask(stack, container, place, "POST", f"/proxies/{index}/toxics", poison)
            match = ("-d", rules.whole(address), "-p", "tcp", "-m", "tcp", "--dport", str(port))
            made.append(place.redirect(match, listens, ipv6=v6))
            made += [place.straight(match, old, ipv6=v6)] if old else []
        rules.put(stack, container, tag, made)


def take_out(stack: Stack, labels: Mapping[str, str], *, drains_within: timedelta) -> None:
    """Take the poison out, let what is under way end in this time, and remove the proxies. Their rules must be gone already."""
    helpers = helper.of_fault(stack, labels)
    for container, place in helpers:
        # The helper may be on its way out by itself: then there is no poison either.
        with suppress(CannotTell):
            _ask(stack, container, place, "POST", "/reset")
    helper.drained(stack, helpers, within=drains_within)
    stack.driver.remove_helpers(**labels)


def _ask(
    stack: Stack,
    container: dict[str, Any],
    place: helper.Place,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
) -> bool:
    """True once Toxiproxy took it. Its control port is on the namespace's loopback, so it is asked from in there.

    Raises CannotTell when it does not answer, or refuses.
    """
    argv = ["curl", "-sSf", "--noproxy", "*", "-o", "/dev/null", "-m", "2", "-X", method]
    argv += ["-d", json.dumps(body)] if body else []
    netns.run(stack, container, *argv, f"http://127.0.0.1:{place.control}{path}")
    return True
