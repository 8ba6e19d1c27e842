"""An engine that refuses exec: the real one behind a socket that answers 403 where a command is to be run in a container."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_EXEC = re.compile(rb"POST (/v[0-9.]+)?/(containers/[^/ ]+/exec|exec/[^/ ]+/start) ")
_REASON = b'{"message":"authorization denied by plugin: no exec here"}'
_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_REASON), _REASON)
)


@contextmanager
def engine_without_exec(folder: Path, real: str = "/var/run/docker.sock") -> Iterator[str]:
    """The endpoint of an engine that is the real one but for exec."""
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        threading.Thread(target=_accept, args=(listener, real), daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, real: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, real), daemon=True).start()


def _serve(client: socket.socket, real: str) -> None:
    """One request a connection: the head is read whole, the rest is passed on as it comes, both ways."""
    with contextlib.suppress(OSError), ExitStack() as undo:
        undo.enter_context(client)
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65_536)
            if not more:
                return
            head += more
        if _EXEC.match(head):
            client.sendall(_REFUSAL)
            return
        upstream = undo.enter_context(socket.socket(socket.AF_UNIX))
        upstream.connect(real)
        first, _, rest = head.partition(b"\r\n")
        closing = b"" if b"upgrade:" in head.lower() else b"Connection: close\r\n"
        kept = re.sub(rb"(?i)connection: *(keep-alive|close)\r\n", b"", rest)
        upstream.sendall(first + b"\r\n" + closing + kept)
        threading.Thread(target=_pass_on, args=(client, upstream), daemon=True).start()
        _pass_on(upstream, client)


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
