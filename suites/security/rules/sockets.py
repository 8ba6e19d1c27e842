"""Compares the sockets a container listens on with those it declares: what nobody declared, nobody watches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.procfs import Socket

# Linux's default ip_local_port_range begins here: an unconnected UDP socket above is a client's, waiting for an answer.
FIRST_EPHEMERAL = 32768


def undeclared(sockets: Iterable[Socket], declared: Collection[str]) -> list[str]:
    """Listening sockets beyond the container's own loopback that are not declared (as `443/tcp`)."""
    found = []
    for socket in sockets:
        name = f"{socket.port}/{socket.protocol}"
        passing = socket.protocol == "udp" and socket.port >= FIRST_EPHEMERAL
        if not socket.is_loopback and not passing and name not in declared:
            found.append(f"{socket.address}:{name}")
    return sorted(set(found))


def silent(sockets: Iterable[Socket], declared: Collection[str]) -> list[str]:
    """Declared ports nobody listens on."""
    heard = {f"{socket.port}/{socket.protocol}" for socket in sockets}
    return sorted(set(declared) - heard)
