"""Hears the packets that arrive at an interface, so that egress is judged by what got out and not by what was answered."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from stack.namespaces import sockets_in

ETH_P_IP = 0x0800
"""linux/if_ether.h"""


def tap(namespace: Path, interface: str) -> socket.socket:
    """A packet socket that hears IPv4 on an interface of a network namespace; CannotTell when it can't be opened."""
    opened = sockets_in(namespace, [(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))])[0]
    opened.bind((interface, ETH_P_IP))
    return opened


def heard(tap: socket.socket, seconds: float) -> list[tuple[str, int]]:
    """The (source, destination port) of the TCP and UDP packets a packet socket has seen, after `seconds` of silence at most."""
    found = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        tap.settimeout(left)
        try:
            packet = tap.recv(2048)
        except TimeoutError:
            break
        header = (packet[0] & 0x0F) * 4
        if packet[9] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and len(packet) >= header + 4:
            found.append((socket.inet_ntoa(packet[12:16]), int.from_bytes(packet[header + 2 : header + 4], "big")))
    return found
