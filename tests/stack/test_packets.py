"""Why: a packet that got out and was read wrongly would be silence, and silence is what egress is judged by."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from stack import packets
from stack.vantage import EGRESS_SINK_6, Outside

PORTS = (51_000).to_bytes(2, "big") + (443).to_bytes(2, "big")


def v4(protocol: int, options: bytes = b"") -> bytes:
    """An IPv4 header with what follows it."""
    first = bytes([0x40 | (5 + len(options) // 4)])
    return first + bytes(8) + bytes([protocol]) + bytes(2) + ip_address("10.0.0.7").packed + bytes(4) + options + PORTS


def v6(protocol: int) -> bytes:
    """An IPv6 header with what follows it."""
    return b"\x60" + bytes(5) + bytes([protocol]) + bytes(1) + ip_address("2001:db8::7").packed + bytes(16) + PORTS


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        pytest.param(v4(6), ("10.0.0.7", 443), id="TCP"),
        pytest.param(v4(17, options=bytes(8)), ("10.0.0.7", 443), id="UDP behind options"),
        pytest.param(v6(17), ("2001:db8::7", 443), id="UDP over IPv6"),
        pytest.param(v4(1), None, id="ICMP"),
        pytest.param(v6(58), None, id="ICMPv6"),
        pytest.param(b"\x00\x01\x08\x00", None, id="ARP"),
        pytest.param(v4(6)[:22], None, id="cut short"),
        pytest.param(v6(6)[:42], None, id="cut short over IPv6"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_a_packet_tells_its_source_and_port(packet: bytes, found: tuple[str, int] | None) -> None:
    assert packets.source_and_port(packet) == found


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/sys/net/ipv6").exists(), reason="needs root and IPv6")
def test_what_leaves_the_host_over_ipv6_is_heard_out_there() -> None:
    with (
        Outside("st-packets") as outside,
        outside.arrivals() as arrived,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own,
    ):
        own.sendto(b"\x00", (EGRESS_SINK_6, 19_998))

        heard = arrived(1.0)

    assert ("2001:db8::1", 19_998) in heard
