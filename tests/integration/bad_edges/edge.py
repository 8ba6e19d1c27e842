"""An edge that misbehaves in a way of its own at each port, so that no check of a running stack can be misled or held up."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time

PLAIN, HANGS, RESETS, DRIBBLES, SELF_SIGNED, MUTE = 8001, 8002, 8003, 8004, 8005, 8006
FOLDER = "/edge"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset
SLOWLY_SECONDS = 0.5


def plain(client: socket.socket) -> None:
    """Answer whatever comes with plain HTTP."""
    client.recv(4096)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def hangs(client: socket.socket) -> None:
    """Take everything and say nothing."""
    while client.recv(4096):
        pass


def resets(client: socket.socket) -> None:
    """Hang up rudely at the first byte."""
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def dribbles(client: socket.socket) -> None:
    """Begin a handshake record of 16 kB, and send a byte of it now and then for ever."""
    client.recv(1)
    for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 0x4000:
        client.sendall(bytes([byte]))
        time.sleep(SLOWLY_SECONDS)


def self_signed(client: socket.socket) -> None:
    """Speak TLS with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{FOLDER}/long.crt", f"{FOLDER}/long.key")
    with context.wrap_socket(client, server_side=True) as wrapped:
        wrapped.recv(4096)
        wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def mute(client: socket.socket) -> None:
    """Speak TLS, take the request, and say nothing to it but a byte now and then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{FOLDER}/long.crt", f"{FOLDER}/long.key")
    with context.wrap_socket(client, server_side=True) as wrapped:
        wrapped.recv(4096)
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 0x4000:
            wrapped.sendall(bytes([byte]))
            time.sleep(SLOWLY_SECONDS)


def serve(port: int, behave: object) -> None:
    """Treat every client of a port in one way, each in a thread."""

    def one(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            behave(client)  # type: ignore[operator]

    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=one, args=(client,), daemon=True).start()


if __name__ == "__main__":
    for port, behave in ((PLAIN, plain), (HANGS, hangs), (RESETS, resets), (DRIBBLES, dribbles), (SELF_SIGNED, self_signed)):
        threading.Thread(target=serve, args=(port, behave), daemon=True).start()
    serve(MUTE, mute)
