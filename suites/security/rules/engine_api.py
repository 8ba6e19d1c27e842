"""Judges a proxy before the engine's API by what it does with requests that it must refuse."""

from __future__ import annotations

from dataclasses import dataclass

ABSENT = "seatrial-no-such-container"
REFUSALS = frozenset({401, 403, 405})


@dataclass(frozen=True)
class Probe:
    """One request. `ABSENT` as its target makes it harmless where it does get through: the engine answers 404."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def message(self) -> bytes:
        """The request on the wire."""
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: engine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


PROBES = (
    Probe("POST", f"/containers/{ABSENT}/start"),
    Probe("POST", f"/containers/{ABSENT}/exec"),
    Probe("DELETE", f"/containers/{ABSENT}"),
    Probe("PUT", f"/containers/{ABSENT}/archive?path=/"),
    Probe("POST", f"/v1.41/containers/{ABSENT}/kill"),
    Probe("GET", f"/containers/{ABSENT}/archive?path=/etc"),
    Probe("GET", "/secrets"),
    # A path that only becomes another one after decoding must not slip past the filter.
    Probe("POST", f"/containers%2F{ABSENT}/start"),
)


def status_of(answer: bytes) -> int | None:
    """The status of an HTTP answer; None when it is no HTTP."""
    words = answer.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) >= 2 and words[0].startswith(b"HTTP/") and words[1].isdigit() else None


def problem(probe: Probe, answer: bytes) -> str | None:
    """Why the answer shows that the request reached the engine; None when it was refused before."""
    status = status_of(answer)
    if status is None:
        return f"{probe} was answered with no HTTP"
    if status in REFUSALS:
        return None
    return f"{probe} was answered {status}, expected 403"
