"""Hears the packets that arrive at an interface, so that egress is judged by what got out and not by what was answered."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from stack.namespaces import sockets_in

ETH_P_ALL = 0x0003
"""linux/if_ether.h: IPv4 and IPv6 in one socket, in the order of their arrival."""
PACKET_OUTGOING = 4
"""linux/if_packet.h: what the interface sends itself, which such a socket hears too."""
_V4_SHORTEST, _V6_HEADER = 20, 40


def tap(namespace: Path, interface: str) -> socket.socket:
    """A packet socket that hears an interface of a network namespace; CannotTell when it can't be opened."""
    opened = sockets_in(namespace, [(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))])[0]
    opened.bind((interface, ETH_P_ALL))
    return opened


def heard(tap: socket.socket, seconds: float) -> list[tuple[str, int]]:
    """The (source, destination port) of the TCP and UDP packets that arrived, after `seconds` of silence at most."""
    found = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        tap.settimeout(left)
        try:
            packet, address = tap.recvfrom(2048)
        except TimeoutError:
            break
        if address[2] != PACKET_OUTGOING and (parsed := source_and_port(packet)):
            found.append(parsed)
    return found


def source_and_port(packet: bytes) -> tuple[str, int] | None:
    """The source address and destination port of a TCP or UDP packet (IPv6 without extension headers); None for any other."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= _V4_SHORTEST:
        header, protocol, source = (packet[0] & 0x0F) * 4, packet[9], socket.inet_ntoa(packet[12:16])
    elif version == 6 and len(packet) >= _V6_HEADER:
        header, protocol, source = _V6_HEADER, packet[6], socket.inet_ntop(socket.AF_INET6, packet[8:24])
    else:
        return None
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or len(packet) < header + 4:
        return None
    return source, int.from_bytes(packet[header + 2 : header + 4], "big")
