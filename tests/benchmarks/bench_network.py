"""How far a network fault is from what was asked of it: latency, bandwidth and loss, on the small stack, nothing compensated by hand.

What a connection takes anyway is measured the same way without the fault and taken off: what is left is the fault's doing.
"""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from chaos.campaign.small import small_stack
from chaos.faults import Bandwidth, Latency, Loss
from chaos.injection import injected
from chaos.runner import close
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually
from tests.benchmarks.figure import NotMeasured, figure

_PORT = 9000
_CONNECTIONS = 50
_DATAGRAMS = 10_000
_KILOBYTES = 256
_RUNS = 3

_SERVE = """
import socket, sys
left, answer = int(sys.argv[1]), bytes(int(sys.argv[2]))
with socket.create_server(("", 9000), backlog=64) as server:
    while left:
        peer, _ = server.accept()
        with peer:
            if peer.recv(1):
                peer.sendall(answer)
                left -= 1
"""
_LOOK = "import socket; socket.create_connection(('127.0.0.1', 9000), 1).close()"
_ASK = """
import socket, sys, time
times, size, where = int(sys.argv[1]), int(sys.argv[2]), (socket.gethostbyname("web"), 9000)
for _ in range(times):
    began, got = time.perf_counter(), 0
    with socket.create_connection(where, 60) as peer:
        peer.sendall(b"?")
        while got < size:
            piece = peer.recv(65536)
            if not piece:
                sys.exit("the answer was cut short")
            got += len(piece)
    print(time.perf_counter() - began)
"""
_COUNT = """
import socket
heard, word = 0, b""
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
    ear.bind(("", 9001))
    ear.settimeout(60)
    while word != b"end":
        word, sender = ear.recvfrom(16)
        if word == b"x":
            heard += 1
        else:
            ear.sendto(word, sender)
    print(heard)
"""
_SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
    mouth.connect((socket.gethostbyname("web"), 9001))
    mouth.settimeout(0.2)

    def heard(word):  # said again until it is repeated: both ways may be lost
        while True:
            try:
                mouth.send(word)
                if mouth.recv(16) == word:
                    return
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                return  # it has heard the end, and is gone

    for batch in range(int(sys.argv[1]) // 100):
        for _ in range(100):
            mouth.send(b"x")
        heard(b"%d" % batch)  # no more than fit into the ear's buffer are ever under way
    heard(b"end")
"""


@contextlib.contextmanager
def _small() -> Iterator[Stack]:
    try:
        with small_stack(f"st-bench-net-{os.getpid()}") as stack:
            try:
                yield stack
            finally:
                close(stack)
    except CannotTell as reason:
        raise NotMeasured(str(reason)) from reason


def _program(stack: Stack, service: str, text: str, *arguments: int, seconds: float = 120) -> list[str]:
    argv = ["python3", "-c", text, *map(str, arguments)]
    done = stack.container(service).exec(argv, timeout_seconds=seconds)
    if not done.ok:
        raise NotMeasured(f"{service}: {done.last_words()}")
    return done.stdout.split()


def _seconds(stack: Stack, *, connections: int, size: int = 1) -> float:
    """The median time of a new connection, a question of one byte and an answer of `size` bytes."""
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(_program, stack, "web", _SERVE, connections, size)
        eventually(
            lambda: stack.container("web").exec(["python3", "-c", _LOOK]).ok,
            within=timedelta(seconds=20),
            every=timedelta(milliseconds=100),
            what="the program that answers",
        )
        took = [float(one) for one in _program(stack, "client", _ASK, connections, size)]
        served.result()
    return statistics.median(took)


def _lateness_off(milliseconds: int) -> Sequence[float]:
    with _small() as stack:
        return [_off(stack, milliseconds) for _ in range(_RUNS)]


def _off(stack: Stack, milliseconds: int) -> float:
    without = _seconds(stack, connections=_CONNECTIONS)
    with injected(Latency("client", "web", _PORT, milliseconds=milliseconds), stack):
        late = _seconds(stack, connections=_CONNECTIONS)
    return abs((late - without) * 1000 - milliseconds)


@figure("Latency fault: 50 ms asked, the median of 50 connections is off by", unit="ms", at_most=2.5)
def fifty() -> Sequence[float]:
    """5 % of 50 ms is more than 2 ms."""
    return _lateness_off(50)


@figure("Latency fault: 200 ms asked, the median of 50 connections is off by", unit="ms", at_most=10.0)
def two_hundred() -> Sequence[float]:
    """5 %."""
    return _lateness_off(200)


@figure("Latency fault: 500 ms asked, the median of 50 connections is off by", unit="ms", at_most=25.0)
def five_hundred() -> Sequence[float]:
    """5 %."""
    return _lateness_off(500)


@figure("Bandwidth fault: 64 kB/s asked, an answer of 256 kB comes at a rate that is off by", unit="%", at_most=10.0)
def narrow() -> Sequence[float]:
    """From connecting to the last byte."""
    asked = 64
    with _small() as stack, injected(Bandwidth("client", "web", _PORT, kilobytes_per_second=asked), stack):
        rates = [_KILOBYTES / _seconds(stack, connections=1, size=_KILOBYTES * 1000) for _ in range(_RUNS)]
    return [abs(rate / asked - 1) * 100 for rate in rates]


@figure(
    "Loss fault: 5 % asked, of 10,000 datagrams one way the share that is lost is off by", unit="points", at_most=1.0
)
def lossy() -> Sequence[float]:
    """One standard deviation is 0.22 percentage points. Without the fault none may be lost."""
    percent = 5.0
    with _small() as stack:
        if lost := _lost_percent(stack):
            raise NotMeasured(f"{lost:.2f} % of the datagrams are lost without any fault: the machine is too busy")
        with injected(Loss("client", "web", percent=percent), stack):
            return [abs(_lost_percent(stack) - percent) for _ in range(_RUNS)]


def _lost_percent(stack: Stack) -> float:
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(_program, stack, "web", _COUNT)
        # The ear is open before the first word: its bound port is seen from within.
        eventually(
            lambda: ":2329 " in stack.container("web").exec(["cat", "/proc/net/udp"]).stdout,  # 9001 in hexadecimal
            within=timedelta(seconds=20),
            every=timedelta(milliseconds=100),
            what="the program that counts",
        )
        _program(stack, "client", _SEND, _DATAGRAMS)
        return (1 - int(heard.result()[0]) / _DATAGRAMS) * 100
