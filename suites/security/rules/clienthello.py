"""Speaks the first message of TLS by hand, so that what a server accepts does not depend on what our own library still offers.

A modern library refuses to *offer* SSL 3 or an export cipher, and would report its own refusal as the server's. The
wire format is RFC 8446 section 4.1 (and RFC 5246 7.4.1, RFC 6101 for the old ones); only the server's first flight is read.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
VERSION_NAMES = {SSL_3_0: "SSL 3.0", TLS_1_0: "TLS 1.0", TLS_1_1: "TLS 1.1", TLS_1_2: "TLS 1.2", TLS_1_3: "TLS 1.3"}

SUITES_1_3 = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}
# Everything a server of the last 25 years may pick: ECDHE, DHE, plain RSA; AEAD, CBC, 3DES, RC4, export.
OLD_SUITES = (
    0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F, 0x009F, 0x009E, 0xC024, 0xC028, 0xC023, 0xC027, 0xC00A, 0xC014, 0xC009, 0xC013,
    0x006B, 0x0067, 0x0039, 0x0033, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0xC008, 0xC012, 0x0016, 0x000A, 0x0005, 0x0004, 0x0003,
)  # fmt: skip
GROUPS = {
    0x11EC: "X25519MLKEM768",
    0x001D: "x25519",
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001E: "x448",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
}
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 4.1.3
_ALERTS = {40: "handshake_failure", 47: "illegal_parameter", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
           86: "inappropriate_fallback", 109: "missing_extension", 112: "unrecognized_name"}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What a server did with a hello: `accepted`, `refused`, `silent` or `not TLS`, with what it said."""

    verdict: str
    detail: str = ""
    version: int | None = None
    suite: int | None = None
    group: int | None = None


def hello(
    version: int, server_name: str, *, suites: Sequence[int] = (), groups: Sequence[int] = (), share: bool = True
) -> bytes:
    """A ClientHello that offers `version` alone. Without `share` a TLS 1.3 server must name the group it wants (a retry)."""
    modern = version >= TLS_1_3
    chosen = suites or (tuple(SUITES_1_3)[:3] if modern else OLD_SUITES)
    wanted = groups or tuple(GROUPS)[1:5]
    extensions = b""
    if version > SSL_3_0:
        name = server_name.encode("idna")
        extensions += _extension(0, _vector(b"\x00" + _vector(name))) if not _is_address(server_name) else b""
        extensions += (
            _extension(10, _vector(_words(wanted)))
            + _extension(11, b"\x01\x00")
            + _extension(13, _vector(_words(_SIGNATURES)))
        )
    if modern:
        key = _words([0x001D]) + _vector(os.urandom(32)) if share and 0x001D in wanted else b""
        extensions += _extension(43, b"\x02" + _words([version])) + _extension(51, _vector(key))
    legacy = min(version, TLS_1_2)
    body = struct.pack("!H", legacy) + os.urandom(32) + (b"\x20" + os.urandom(32) if modern else b"\x00")
    body += _vector(_words(chosen)) + b"\x01\x00" + (_vector(extensions) if extensions else b"")
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16" + struct.pack("!HH", min(version, TLS_1_0), len(message)) + message


def ask(connection: socket.socket, message: bytes) -> Reply:
    """Sends a hello over a connected socket and reads what the server makes of it; its time-out bounds the whole of it."""
    timeout = connection.gettimeout()
    deadline = time.monotonic() + timeout if timeout is not None else math.inf
    try:
        connection.sendall(message)
        return read_reply(connection, deadline)
    except TimeoutError:
        return Reply("silent", "no answer to the hello in time")
    except (ConnectionResetError, BrokenPipeError):
        return Reply("refused", "connection reset")


def read_reply(connection: socket.socket, deadline: float = math.inf) -> Reply:
    """Reads the server's first record and judges it; TimeoutError at the `deadline` (monotonic), however it dribbles."""
    header = _exactly(connection, 5, deadline)
    if not header:
        return Reply("refused", "connection closed")
    kind, version, length = struct.unpack("!BHH", header.ljust(5, b"\0"))
    if kind not in (0x15, 0x16) or version >> 8 != 3:
        return Reply("not TLS", f"the answer begins with {header!r}")
    body = _exactly(connection, length, deadline)
    if kind == 0x15:
        number = body[1] if len(body) > 1 else -1
        return Reply("refused", f"alert {_ALERTS.get(number, number)}")
    return server_hello(body)


def server_hello(body: bytes) -> Reply:
    """Reads a ServerHello (or HelloRetryRequest): the version, suite and group the server chose."""
    if len(body) < 40 or body[0] != 2:
        return Reply("not TLS", f"handshake message {body[:1].hex()} in place of a ServerHello")
    version = int.from_bytes(body[4:6], "big")
    retry = body[6:38] == _RETRY
    position = 39 + body[38]
    suite = int.from_bytes(body[position : position + 2], "big")
    group = None
    position += 3
    end = position + 2 + int.from_bytes(body[position : position + 2], "big")
    position += 2
    while position + 4 <= min(end, len(body)):
        number, size = struct.unpack("!HH", body[position : position + 4])
        value = body[position + 4 : position + 4 + size]
        if number == 43:
            version = int.from_bytes(value[:2], "big")
        elif number == 51:
            group = int.from_bytes(value[:2], "big")
        position += 4 + size
    name = VERSION_NAMES.get(version, hex(version))
    return Reply("accepted", f"{name}, suite {suite:#06x}{' (retry)' if retry else ''}", version, suite, group)


def _exactly(connection: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        if time.monotonic() > deadline:
            raise TimeoutError
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data


def _vector(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _words(values: Sequence[int]) -> bytes:
    return b"".join(struct.pack("!H", value) for value in values)


def _is_address(name: str) -> bool:
    return name.replace(".", "").isdigit() or ":" in name
