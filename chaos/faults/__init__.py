"""Every fault by the name of its effect: adding one is a class in its family's file, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.effect import Fault
from chaos.faults.container import Killed, Paused, Removed, Restarted, Stopped
from chaos.faults.network import Disconnected, Partitioned
from chaos.faults.proxy import Latency
from stack.errors import UserError

__all__ = [
    "FAULTS",
    "Disconnected",
    "Killed",
    "Latency",
    "Partitioned",
    "Paused",
    "Removed",
    "Restarted",
    "Stopped",
    "decode",
    "make",
]

FAULTS: Mapping[str, type[Fault]] = {
    fault.effect: fault for fault in (Killed, Stopped, Paused, Restarted, Removed, Disconnected, Partitioned, Latency)
}


def make(effect: str, parameters: Mapping[str, Any]) -> Fault:
    """The fault of that effect. Raises UserError when there is none, or when the parameters aren't its."""
    if effect not in FAULTS:
        raise UserError(f"there is no fault {effect!r}: it is one of {', '.join(sorted(FAULTS))}")
    try:
        return FAULTS[effect].from_parameters(parameters)
    except TypeError as error:
        raise UserError(f"fault {effect}: {error}") from error


def decode(document: Mapping[str, Any]) -> Fault:
    """The fault that a journal's line describes."""
    return make(str(document.get("effect")), dict(document.get("parameters") or {}))
