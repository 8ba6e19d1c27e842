"""Tries TLS 1.3 early data with OpenSSL's own client: Python's ssl module can neither send it nor see that it was taken."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stack.completed import Completed, complete
from stack.edge import Edge
from stack.errors import CannotTell

SECONDS = 10.0
_MOST = re.compile(r"Max Early Data: (\d+)")


@dataclass(frozen=True)
class Answer:
    """What a server does about early data: how much its sessions allow (None: it gives none to resume), and what it took."""

    allowed_bytes: int | None
    accepted: bool


def ask(edge: Edge) -> Answer:
    """Resume a session with early data, where the server gives one that allows it.

    Raises:
        CannotTell: no openssl here, or no TLS 1.3 handshake.

    """
    request = f"GET / HTTP/1.1\r\nHost: {edge.server_name}\r\nConnection: close\r\n\r\n".encode()
    with tempfile.TemporaryDirectory(prefix="seatrial-early-") as folder:
        session, early = Path(folder) / "session.pem", Path(folder) / "request"
        early.write_bytes(request)
        # The request makes the server speak, and with its answer come the tickets.
        first = _client(edge, "-sess_out", str(session), stdin=request)
        if "TLSv1.3" not in first.stdout:
            raise CannotTell(f"no TLS 1.3 session with the edge: {first.last_words()}")
        allowed = [int(number) for number in _MOST.findall(first.stdout)]
        if not session.exists() or not allowed:
            return Answer(None, accepted=False)
        if not max(allowed):
            return Answer(0, accepted=False)
        second = _client(edge, "-sess_in", str(session), "-early_data", str(early), stdin=b"")
        return Answer(max(allowed), accepted="Early data was accepted" in second.stdout)


def _client(edge: Edge, *arguments: str, stdin: bytes) -> Completed:
    host = f"[{edge.address}]" if ":" in edge.address else edge.address
    argv = ("openssl", "s_client", "-connect", f"{host}:{edge.port_of('https')}", "-servername", edge.server_name)
    return complete((*argv, "-tls1_3", "-ign_eof", *arguments), timeout_seconds=SECONDS, stdin=stdin)
