"""One hypothesis a file: each module here has EXPERIMENT, and is collected by its being here."""

from __future__ import annotations

import importlib
import pkgutil

from chaos.experiment import Experiment


def every() -> list[Experiment]:
    """All experiments, by id. Raises ValueError when two share one."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").EXPERIMENT for module in pkgutil.iter_modules(__path__)
    ]
    ids = [experiment.id for experiment in found]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"experiments share the id {', '.join(sorted(twice))}")
    return sorted(found, key=lambda experiment: experiment.id)
