"""Finds secrets' values in any bytes, plain or in the encodings that logs, headers and dumps put them into."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from urllib.parse import quote

SHORTEST = 8
"""Characters: a shorter value is found everywhere, and SEC-SEC-004 has its own word about it."""


def forms(value: str) -> dict[str, frozenset[bytes]]:
    """A value as it may be written, by the name of the encoding."""
    raw = value.encode()
    percent = "".join(f"%{byte:02x}" for byte in raw)
    return {
        "plain": frozenset({raw}),
        "base64": frozenset(_base64(raw)),
        "URL-encoded": frozenset({percent.encode(), percent.upper().encode(), quote(value, safe="").encode()}) - {raw},
        "hex": frozenset({raw.hex().encode(), raw.hex().upper().encode()}),
    }


def _base64(raw: bytes) -> Iterator[bytes]:
    """What is always the same of a value inside a longer text in base64: one piece for each of its three positions."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        # The first group mixes with what stands before, the last with what stands after.
        piece = encoded[(0, 2, 3)[offset] :].rstrip(b"=")
        piece = piece[: len(piece) - (1 if (offset + len(raw)) % 3 else 0)]
        yield piece
        yield piece.replace(b"+", b"-").replace(b"/", b"_")


class Hunter:
    """Knows some secrets by name and finds them; their values never leave it."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._needles = [
            (name, form, needle)
            for name, value in secrets.items()
            if len(value) >= SHORTEST
            for form, needles in forms(value).items()
            for needle in sorted(needles)
        ]

    def found_in(self, data: bytes) -> list[tuple[str, str]]:
        """The (name, encoding) of each secret in the data."""
        return sorted({(name, form) for name, form, needle in self._needles if needle in data})
