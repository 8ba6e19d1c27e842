"""An experiment of ours as Chaos Toolkit writes it, so that its journal says to other programs what was asked and done.

The form is https://chaostoolkit.org/reference/api/experiment/. Providers are the functions of chaos/toolkit/activities.py, so
that Chaos Toolkit can carry the experiment out too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaos.toolkit.activities import HOLDS, PERMISSION, PROJECT
from stack.project import DEFAULT

if TYPE_CHECKING:
    from chaos.experiment import Experiment
    from chaos.question import Probe

VERSION = "1.0.0"
"""Of the form (the library's own `chaos init` writes it)."""


def document_of(experiment: Experiment) -> dict[str, Any]:
    """The experiment file. The names of its activities are those of the deeds in a verdict."""
    faults = list(enumerate(experiment.faults))
    return {
        "version": VERSION,
        "title": experiment.hypothesis,
        "description": experiment.rationale or experiment.hypothesis,
        "tags": ["seatrial", *dict.fromkeys(fault.family for _, fault in faults)],
        "configuration": {
            "project": {"type": "env", "key": PROJECT, "default": DEFAULT},
            "permission": {"type": "env", "key": PERMISSION, "default": ""},
        },
        "steady-state-hypothesis": {
            "title": experiment.hypothesis,
            "probes": [_asked(experiment, probe) | {"tolerance": HOLDS} for probe in experiment.steady_state],
        },
        "method": [
            *(_did("action", f"inject {fault}", "inject", experiment, fault=number) for number, fault in faults),
            *(_did("probe", f"see {fault} bite", "bit", experiment, fault=number) for number, fault in faults),
            *(_asked(experiment, probe) for probe in experiment.during),
        ],
        "rollbacks": [
            _did("action", f"revert {fault}", "revert", experiment, fault=number) for number, fault in reversed(faults)
        ],
        "extensions": [
            {
                "name": "seatrial",
                "id": experiment.id,
                "severity": experiment.severity,
                "faults": [fault.to_json() for _, fault in faults],
                "throughout": [
                    {"probe": promise.probe.name, "outage_seconds": promise.outage.total_seconds()}
                    for promise in experiment.throughout
                ],
                "hold_seconds": experiment.hold.total_seconds(),
                "recover_within_seconds": experiment.recover_within.total_seconds(),
                "remediation": experiment.remediation,
            }
        ],
    }


def _asked(experiment: Experiment, probe: Probe) -> dict[str, Any]:
    return _did("probe", probe.name, "answer", experiment, probe=probe.name)


def _did(kind: str, name: str, function: str, experiment: Experiment, **arguments: Any) -> dict[str, Any]:
    provider = {
        "type": "python",
        "module": "chaos.toolkit.activities",
        "func": function,
        "arguments": {"experiment": experiment.id, **arguments},
    }
    return {"type": kind, "name": name, "provider": provider}
