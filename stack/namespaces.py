"""Opens sockets inside another network namespace, so that a probe stands where an attacker or a container stands, without a process each.

A Linux socket belongs to the namespace its creating *thread* was in, for ever. So a short-lived thread enters the
namespace, makes the socket and ends; the socket is then used from anywhere, in parallel, by ordinary code.
"""

from __future__ import annotations

import ctypes
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell

BATCHES_AT_ONCE = 3
"""With the usual batch that is 768 sockets: most systems allow a process 1024."""
CLONE_NEWNET = 0x40000000
"""From linux/sched.h: `setns` checks that the file really is a network namespace."""


@dataclass(frozen=True, order=True)
class Target:
    """One address, port and protocol (`tcp` or `udp`) to try."""

    address: str
    port: int
    protocol: str = "tcp"

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}/{self.protocol}"


def of_process(pid: int) -> Path:
    """The network namespace of a process on this machine (of a container: its pid on the host)."""
    return Path(f"/proc/{pid}/ns/net")


def sockets_in(namespace: Path, shapes: Sequence[tuple[int, int, int]]) -> list[socket.socket]:
    """Sockets of the given (family, type, protocol) shapes, made inside `namespace`.

    Raises CannotTell when the namespace can't be entered (not root, process gone, another machine's engine).
    """
    made: list[socket.socket] = []
    trouble: list[OSError] = []

    def enter_and_make() -> None:
        try:
            handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle, CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number))
            finally:
                os.close(handle)
            made.extend(socket.socket(*shape) for shape in shapes)
        except OSError as error:
            trouble.append(error)

    thread = threading.Thread(target=enter_and_make, name="enter-network-namespace")
    thread.start()
    thread.join()
    if trouble:
        for opened in made:
            opened.close()
        raise CannotTell(f"could not open a socket in the network namespace {namespace}: {trouble[0]}") from trouble[0]
    return made


def try_all(
    namespace: Path,
    targets: Iterable[Target],
    *,
    timeout_seconds: float = 1.0,
    source: str | None = None,
    batch: int = 256,
) -> dict[Target, str]:
    """Tries every target from inside `namespace`, a few batches at once, and says what each did: `open`, `refused` or `silent`.

    `open`: a TCP handshake was completed or a UDP answer came. `refused`: a reset or an ICMP error came back, so
    packets reach that far. `silent`: nothing within `timeout_seconds` (dropped, or a UDP service that keeps quiet).
    """
    wanted = list(dict.fromkeys(targets))
    batches = [wanted[start : start + batch] for start in range(0, len(wanted), batch)]
    seen: dict[Target, str] = {}
    with ThreadPoolExecutor(max_workers=BATCHES_AT_ONCE) as pool:
        for answers in pool.map(lambda some: _try_batch(namespace, some, timeout_seconds, source), batches):
            seen.update(answers)
    return seen


def _try_batch(
    namespace: Path, targets: Sequence[Target], timeout_seconds: float, source: str | None
) -> dict[Target, str]:
    shapes = [(t.family, socket.SOCK_DGRAM if t.protocol == "udp" else socket.SOCK_STREAM, 0) for t in targets]
    sockets = sockets_in(namespace, shapes)
    seen: dict[Target, str] = {}
    with selectors.DefaultSelector() as waiting:
        try:
            for target, opened in zip(targets, sockets, strict=True):
                opened.setblocking(False)
                immediate = _start(opened, target, source)
                if immediate is None:
                    waiting.register(
                        opened, selectors.EVENT_READ if target.protocol == "udp" else selectors.EVENT_WRITE, target
                    )
                else:
                    seen[target] = immediate
            deadline = time.monotonic() + timeout_seconds
            while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
                for key, _ in waiting.select(left):
                    ready = key.fileobj
                    if not isinstance(ready, socket.socket):  # only sockets were registered; this tells mypy
                        continue
                    waiting.unregister(ready)
                    number = ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    seen[key.data] = "open" if number == 0 else meaning(number)
        finally:
            for opened in sockets:
                opened.close()
    return {target: seen.get(target, "silent") for target in targets}


def _start(opened: socket.socket, target: Target, source: str | None) -> str | None:
    """Starts one attempt; the answer if the kernel knows it at once, else None."""
    if source is not None and (":" in source) == (target.family == socket.AF_INET6):
        opened.bind((source, 0))
    number = opened.connect_ex((target.address, target.port))
    if number in (0, errno.EINPROGRESS):
        if target.protocol == "udp":
            opened.send(b"\x00")
            return None
        return "open" if number == 0 else None
    return meaning(number)


def meaning(number: int) -> str:
    """What an errno of a connection attempt says about the way there: `refused` or `silent`."""
    return "refused" if number in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EACCES, errno.EPERM) else "silent"
