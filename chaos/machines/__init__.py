"""State machines: lists of orders, deployments and faults, drawn from a model and performed on the live stack.

A module here with a Machine has it found by its being there (ADR 0019).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from chaos.machines.machine import Machine


@cache
def every() -> dict[str, Machine]:
    """All machines by their names. Raises ValueError when two share a name or an id."""
    found: dict[str, Machine] = {}
    for module in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{module.name}"
        for one in vars(importlib.import_module(name)).values() if module.name not in _NOT_IMPORTED else ():
            is_machine = inspect.isclass(one) and issubclass(one, Machine) and one.__module__ == name
            if is_machine and not inspect.isabstract(one):
                if one.name in found or one.id in {other.id for other in found.values()}:
                    raise ValueError(f"{one.__name__}: there is a machine {one.name!r} or {one.id} already")
                found[one.name] = one()
    return dict(sorted(found.items(), key=lambda entry: entry[1].id))


_NOT_IMPORTED = frozenset({"deployment_rules", "drawing", "order_rules", "plugin"})
"""Models: Hypothesis is loaded (0.3 s) when something is drawn, and by nobody who only lists checks."""
