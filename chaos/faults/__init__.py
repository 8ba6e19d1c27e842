"""Every fault by the name of its effect: adding one is a class in its family's file, found here by its being there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from chaos.effect import Fault
from chaos.faults.container import Killed, Paused, Removed, Restarted, Stopped
from chaos.faults.dns import DnsBroken
from chaos.faults.loss import Loss
from chaos.faults.network import Disconnected
from chaos.faults.partition import Partitioned
from chaos.faults.toxics import Bandwidth, Blackhole, Jitter, Latency, Reset, SlowClose
from stack.errors import UserError

__all__ = [
    "FAULTS",
    "Bandwidth",
    "Blackhole",
    "Disconnected",
    "DnsBroken",
    "Jitter",
    "Killed",
    "Latency",
    "Loss",
    "Partitioned",
    "Paused",
    "Removed",
    "Reset",
    "Restarted",
    "SlowClose",
    "Stopped",
    "decode",
    "make",
]


def _classes() -> Iterator[type[Fault]]:
    for module in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{module.name}"
        for found in vars(importlib.import_module(name)).values():
            # What is only imported there is found where it is written.
            written_here = inspect.isclass(found) and issubclass(found, Fault) and found.__module__ == name
            if written_here and not inspect.isabstract(found) and not found.__name__.startswith("_"):
                yield found


def _by_effect() -> dict[str, type[Fault]]:
    found: dict[str, type[Fault]] = {}
    for fault in _classes():
        if (other := found.setdefault(fault.effect, fault)) is not fault:
            raise ValueError(f"{fault.__name__} and {other.__name__} are both called {fault.effect!r}")
    return dict(sorted(found.items()))


FAULTS: Mapping[str, type[Fault]] = _by_effect()


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
