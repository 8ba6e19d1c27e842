"""What the server says of itself to its operator: which wallets it hears, asked past the edge's limits (the admin port)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos.question import Probe
from stack.clients.http import JsonService, Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_PATIENCE_SECONDS = 3.0


def hears_every_wallet() -> Probe:
    """`/ready` says ready, and that everyone it depends on answers."""
    return _says("the server hears every wallet and the chain", "ready", (), timedelta(0))


def says_silent(*names: str, within: timedelta) -> Probe:
    """`/ready` says degraded, and names these as silent; the others answer."""
    return _says(f"the server says degraded, and names {', '.join(names)}", "degraded", names, within)


def _says(name: str, status: str, expected: Sequence[str], within: timedelta) -> Probe:
    def complaint(stack: Stack) -> str | None:
        said = _said(stack)
        silent = sorted(one for one, state in said["wallets"].items() if state != "answers")
        if said["status"] == status and silent == sorted(expected):
            return None
        return f"/ready says {said['status']}, silent: {', '.join(silent) or 'nobody'}"

    return Probe(name, complaint, within, timedelta(seconds=_PATIENCE_SECONDS))


def _said(stack: Stack) -> dict[str, Any]:
    """Raises CannotTell when it does not answer in time."""
    edge = stack.edge
    if edge.admin_port is None:
        raise CannotTell("the edge publishes no port for its operator")
    service = JsonService(f"http://{edge.address}:{edge.admin_port}", timeout_seconds=_PATIENCE_SECONDS)
    try:
        answer: dict[str, Any] = service.get("/ready")
    except Refused as refused:
        raise CannotTell(str(refused)) from refused
    finally:
        service.close()
    return answer
