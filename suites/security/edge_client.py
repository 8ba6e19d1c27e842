"""Speaks HTTP to the edge byte by byte: any method, host, header and source address, and the answer just as it came."""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stack.edge import Edge
from stack.errors import CannotTell
from suites.security.rules.web import Answer

Dial = Callable[[int, str | None], socket.socket]
"""Opens a connection to a port of the edge, from a source address where one is named."""

MOST_BODY_BYTES = 65_536
WHOLE = 2
"""How many time-outs of a single read an answer may take from its first byte to its last."""


@dataclass(frozen=True)
class Request:
    """One request; `source` is the client address it comes from (outside only)."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    source: str | None = None
    scheme: str = "https"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class NoAnswerInTime(CannotTell):
    """The edge took a request and said nothing to it in time (not: it could not be reached, or hung up)."""


class EdgeClient:
    """Sends requests to an edge by `dial`; nothing secret is ever sent, so whose certificate it is does not matter here."""

    def __init__(self, edge: Edge, dial: Dial, *, timeout_seconds: float = 5.0) -> None:
        self.edge = edge
        self._dial = dial
        self._timeout_seconds = timeout_seconds

    def connection(self, port: int, source: str | None = None) -> socket.socket:
        """A connected TCP socket to a port of the edge.

        Raises:
            CannotTell: it can't be connected.

        """
        try:
            opened = self._dial(port, source)
        except OSError as error:
            raise CannotTell(f"the edge can't be reached at port {port}: {error}") from error
        opened.settimeout(self._timeout_seconds)
        return opened

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        """A TLS client that takes any certificate: a wrong one is SEC-TLS-006's finding and must not blind the others."""
        context = tolerant()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def fetch(self, request: Request) -> Answer:
        """The edge's answer to one request, on a connection of its own.

        Raises:
            NoAnswerInTime: the request was sent, and nothing came back in time.
            CannotTell: no HTTP answer came for another reason (not connected, not TLS, hung up).

        """
        try:
            with self._opened(request) as opened, ended(opened, self._timeout_seconds * WHOLE) as late:
                client = http.client.HTTPConnection(self.edge.server_name)
                client.sock = opened
                try:
                    return self._exchange(client, request, "close")
                except (OSError, http.client.HTTPException) as error:
                    if not isinstance(error, TimeoutError) and not late():
                        raise
                    raise NoAnswerInTime(f"{request}: no answer from the edge in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise CannotTell(f"{request}: no answer from the edge: {error or type(error).__name__}") from error

    def fetch_all(self, requests: list[Request], *, at_once: int = 16) -> list[Answer]:
        """The answers to many requests, `at_once` at a time, in the order of the requests."""
        with ThreadPoolExecutor(max_workers=max(1, min(at_once, len(requests)))) as pool:
            return list(pool.map(self.fetch, requests))

    def burst(self, requests: Sequence[Request], *, connections: int = 16) -> list[Answer]:
        """The answers to many requests sent as fast as they go, over a few connections that stay open; in no order.

        A connection takes the source of its first request, so all requests should share one. What the edge refuses to
        answer at all is left out; CannotTell when nothing is answered.
        """
        shares = [requests[n::connections] for n in range(min(connections, len(requests)))]
        with ThreadPoolExecutor(max_workers=max(1, len(shares))) as pool:
            answers = [answer for share in pool.map(self._in_a_row, shares) for answer in share]
        if requests and not answers:
            raise CannotTell(f"none of {len(requests)} requests at once was answered by the edge")
        return answers

    def _in_a_row(self, requests: Sequence[Request]) -> list[Answer]:
        answers: list[Answer] = []
        # A server may end a connection at its limit: what was answered until then counts.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            self._opened(requests[0]) as opened,
            ended(opened, self._timeout_seconds * WHOLE * 3),
        ):
            client = http.client.HTTPConnection(self.edge.server_name)
            client.sock = opened
            for request in requests:
                answers.append(self._exchange(client, request, "keep-alive"))
                if client.sock is None:
                    break
        return answers

    def scheme_of(self, request: Request) -> str:
        """How a request is sent: over plain HTTP where the edge has nothing else, for what it serves can be judged all the same."""
        return "http" if self.edge.https_port is None and self.edge.http_port is not None else request.scheme

    def _opened(self, request: Request) -> socket.socket:
        scheme = self.scheme_of(request)
        opened = self.connection(self.edge.port_of(scheme), request.source)
        if scheme != "https":
            return opened
        try:
            return self.context.wrap_socket(opened, server_hostname=self.edge.server_name)
        except BaseException:
            opened.close()
            raise

    def _exchange(self, client: http.client.HTTPConnection, request: Request, connection: str) -> Answer:
        headers = {"Host": self.edge.server_name, "User-Agent": "seatrial", "Accept": "*/*", "Connection": connection}
        headers |= request.headers
        client.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        if request.body is not None:
            headers.setdefault("Content-Length", str(len(request.body)))
        for name, value in headers.items():
            client.putheader(name, value)
        client.endheaders(request.body)
        answer = client.getresponse()
        body = answer.read(MOST_BODY_BYTES)
        return Answer(
            f"{request.method} {self.scheme_of(request)}://…{request.path}",
            answer.status,
            tuple(answer.getheaders()),
            body,
        )


def tolerant() -> ssl.SSLContext:
    """A TLS client that speaks with the weakest of edges, so that what else is wrong there is seen too.

    Old versions, suites and short keys are findings of their own (SEC-TLS-001 to -005); this machine's OpenSSL refuses
    them by default, and then nothing could be told of the certificate or the answers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0, which is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@contextlib.contextmanager
def ended(opened: socket.socket, seconds: float) -> Iterator[Callable[[], bool]]:
    """End a connection after `seconds`, however slowly it goes on until then; the function it gives says whether it was.

    A socket's own time-out starts anew with each byte, so that a server which sends one now and then would hold us for ever.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError):
            # The plain socket's: a TLS socket would begin to take itself apart under its reader.
            socket.socket.shutdown(opened, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over.is_set
    finally:
        timer.cancel()


def loopback_dial(edge: Edge, timeout_seconds: float = 5.0) -> Dial:
    """Connects to the edge at the address it is published at on this host."""

    def dial(port: int, source: str | None) -> socket.socket:
        return socket.create_connection((edge.address, port), timeout_seconds, (source, 0) if source else None)

    return dial
