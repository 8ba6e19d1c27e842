"""A seeded defect, loaded with `-p`: a rotation that restarts one of the readers and forgets all the others."""

from __future__ import annotations

from collections.abc import Iterable

from stack import rotation

RESTARTED = "monero-wallet-rpc-buyer"


def _one(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return ((RESTARTED,),)


rotation.waves = _one
