"""A stack's edge as a load meets it: by its name, with its certificate verified, wherever its port landed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from load.profiles import Target
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.edge import Edge


def target_of(edge: Edge, *, address: str | None = None, sources: tuple[str, ...] = ()) -> Target:
    """The edge at `address` (its own by default), for clients of these source addresses (the kernel's choice by default).

    Raises:
        CannotTell: the edge publishes no HTTPS port, or its CA is not known.

    """
    if edge.ca_file is None or not Path(edge.ca_file).exists():
        raise CannotTell("the edge's CA is not known, so its certificate can't be verified under load")
    return Target(
        address=address or edge.address,
        port=edge.port_of("https"),
        server_name=edge.server_name,
        ca_file=str(Path(edge.ca_file).resolve()),
        sources=sources,
    )
