"""Runs a command inside a container through the engine's API, bounded in time and with a structural verdict on "could not"."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stack.completed import Completed
from stack.errors import CannotTell
from stack.waiting import pause

if TYPE_CHECKING:
    from docker.api import APIClient

# The engine's multiplexed stream: one byte of stream number, three of padding, four of length (Engine API, "attach").
_HEADER = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_LARGEST_OUTPUT = 256 * 1024 * 1024


def execute(
    api: APIClient,
    container_id: str,
    argv: Sequence[str],
    *,
    user: str | None,
    stdin: bytes | None,
    timeout_seconds: float,
    privileged: bool,
    local: bool,
    environment: dict[str, str] | None = None,
) -> Completed:
    """Run `argv` in a running container. docker and requests errors pass through: the driver translates them.

    Raises:
        CannotTell: the command could not be started there, or did not end in time (it is then killed where the
            engine is local).

    """
    began = time.monotonic()
    created = api.exec_create(
        container_id,
        list(argv),
        stdin=stdin is not None,
        user=user or "",
        privileged=privileged,
        environment=environment,
    )
    exec_id = created["Id"]
    stream = api.exec_start(exec_id, socket=True)
    connection = _raw(stream)
    try:
        out, err = _converse(connection, stdin, began + timeout_seconds)
    except TimeoutError as error:
        _kill(api, exec_id, local=local)
        message = f"`{' '.join(argv)[:200]}` in {container_id[:12]} did not end within {timeout_seconds:g} s"
        raise CannotTell(message) from error
    finally:
        _close(stream)
    state = _ended(api, exec_id, began + timeout_seconds)
    code = state["ExitCode"]
    if state.get("Pid", 0) == 0 and code in (126, 127):
        # It never became a process: 126 and 127 then are the runtime's words, not the command's.
        words = (out + err).decode(errors="replace").strip().splitlines()
        message = f"`{argv[0]}` cannot be run in {container_id[:12]}: {words[-1] if words else f'code {code}'}"
        raise CannotTell(message)
    if code is None:
        message = f"the engine does not tell how `{argv[0]}` in {container_id[:12]} ended"
        raise CannotTell(message)
    return Completed(
        tuple(argv),
        code,
        out.decode(errors="replace"),
        err.decode(errors="replace"),
        time.monotonic() - began,
    )


def _raw(stream: Any) -> socket.socket:
    """The socket under what the SDK hands out, which depends on the transport (unix, tls, ssh)."""
    found: socket.socket = getattr(stream, "_sock", stream)
    return found


def _close(stream: Any) -> None:
    """Close all that the SDK hangs on the socket: it stays open until its last holder has let go."""
    for holder in (getattr(stream, "_response", None), stream, _raw(stream)):
        if holder is not None:
            # urllib3's response flushes a file that is already closed once the server has hung up.
            with contextlib.suppress(OSError, ValueError):
                holder.close()


def _converse(connection: socket.socket, stdin: bytes | None, deadline: float) -> tuple[bytes, bytes]:
    """Write `stdin`, and read the two streams to their end.

    Raises:
        TimeoutError: not at the end by `deadline` (monotonic seconds), or more output than anybody reads.

    """
    outputs = {_STDOUT: bytearray(), _STDERR: bytearray()}
    pending, received = stdin or b"", bytearray()
    total = 0
    with selectors.DefaultSelector() as selector:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if pending else 0))
        if stdin is not None and not pending:
            _no_more_input(connection)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or total > _LARGEST_OUTPUT:
                raise TimeoutError
            for _, ready in selector.select(left):
                if ready & selectors.EVENT_WRITE and pending:
                    pending = pending[connection.send(pending[:65536]) :]
                    if not pending:
                        _no_more_input(connection)
                        selector.modify(connection, selectors.EVENT_READ)
                if ready & selectors.EVENT_READ:
                    data = connection.recv(65536)
                    if not data:
                        return bytes(outputs[_STDOUT]), bytes(outputs[_STDERR])
                    total += len(data)
                    received += data
                    _take_frames(received, outputs)


def _take_frames(received: bytearray, outputs: dict[int, bytearray]) -> None:
    """Move every whole frame from `received` to the output that it belongs to."""
    while len(received) >= _HEADER.size:
        stream, length = _HEADER.unpack_from(received)
        if len(received) < _HEADER.size + length:
            return
        outputs.setdefault(stream, bytearray()).extend(received[_HEADER.size : _HEADER.size + length])
        del received[: _HEADER.size + length]


def _no_more_input(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _ended(api: APIClient, exec_id: str, deadline: float) -> dict[str, Any]:
    """How the command ended; the engine may close the streams a moment before it knows."""
    while True:
        state: dict[str, Any] = api.exec_inspect(exec_id)
        if not state.get("Running") or time.monotonic() >= deadline:
            return state
        pause(0.01)


def _kill(api: APIClient, exec_id: str, *, local: bool) -> None:
    """End a command that ran out of its time: the engine has no call for it, its host pid has."""
    pid = api.exec_inspect(exec_id).get("Pid", 0)
    if local and pid > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
