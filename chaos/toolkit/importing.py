"""A Chaos Toolkit file as an experiment of ours: its steady state before and after, its method, and its rollbacks always.

`pytest chaos --chaos-toolkit FILE`; the check's id is made of the title, so that results of the same experiment compare.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.experiment import Experiment
from chaos.faults.imported import Imported, logs_of
from chaos.question import Probe
from chaos.toolkit.providers import carry_out, require_possible
from chaos.toolkit.reading import Document, read
from chaos.toolkit.tolerance import complaint_of, require_sound
from chaos.toolkit.values import Values, masked, values_of
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from chaos.verdict import Verdict
    from stack.model import Stack

_chosen: list[Document] = []


def choose(files: Sequence[Path]) -> None:
    """Read the files of this session. Raises UserError for one that can't be imported, and for two of one title."""
    documents = [read(file) for file in files]
    ids = [id_of(one) for one in documents]
    if twice := [one.path for one, id in zip(documents, ids, strict=True) if ids.count(id) > 1]:
        raise UserError(f"--chaos-toolkit: {' and '.join(twice)} have the same title, by which results are told apart")
    for one in documents:
        values_of(f"--chaos-toolkit {one.path}", one.configuration, one.secrets, os.environ)
    _chosen[:] = documents


def chosen_ids() -> list[str]:
    """The ids of this session's files."""
    return [id_of(document) for document in _chosen]


def imported(stack: Stack) -> list[Experiment]:
    """The session's files as experiments on this stack. Raises UserError for an activity that must not be carried out on it."""
    return [experiment_of(document, frozenset(service.name for service in stack.services)) for document in _chosen]


def id_of(document: Document) -> str:
    """EXP-CTK and eight digits of the title's hash: the same for the same title, wherever the file is."""
    return f"EXP-CTK{hashlib.sha256(document.title.encode()).hexdigest()[:8].upper()}-001"


def experiment_of(document: Document, services: frozenset[str]) -> Experiment:
    """The experiment. Raises UserError for an activity that could not, or must not, be carried out in such a project."""
    where = f"--chaos-toolkit {document.path}"
    values = values_of(where, document.configuration, document.secrets, os.environ)
    for activity in (*document.probes, *document.method, *document.rollbacks):
        named = f"{where}: {activity['name']!r}"
        require_possible(named, values.filled(activity["provider"]), services)
        if activity in document.probes:
            require_sound(named, values.filled(activity["tolerance"]), activity["provider"]["type"])
    parts = {
        "method": list(document.method),
        "rollbacks": list(document.rollbacks),
        "configuration": dict(document.configuration),
        "secrets": dict(document.secrets),
    }
    return Experiment(
        id=id_of(document),
        hypothesis=document.title,
        fault=Imported(title=document.title, document=json.dumps(parts, sort_keys=True)),
        steady_state=tuple(_probe(one, values) for one in document.probes),
        hold=timedelta(0),
        severity="medium",
        rationale=" ".join([document.description, *document.ignored]),
        remediation=f"What its steady state asks is in {document.path}: {document.hypothesis}.",
    )


def told(experiment: Experiment, verdict: Verdict, chronicle: Mapping[str, Any]) -> dict[str, Any]:
    """The chronicle with the file itself as its experiment, and each activity as a step of its own."""
    fault = experiment.fault
    if not isinstance(fault, Imported):
        return dict(chronicle)
    document = next(one for one in _chosen if id_of(one) == experiment.id)
    ours = {f"inject {fault}", f"see {fault} bite", f"revert {fault}"}
    steps = [step for step in chronicle["steps"] if step["name"] not in ours]
    steps += [
        {
            "phase": one.phase,
            "name": one.name,
            "at_seconds": round(one.began - verdict.zero, 3),
            "seconds": round(one.ended - one.began, 3),
            "ok": one.ok,
            "said": one.said,
        }
        for one in logs_of(fault).done
    ]
    return {
        **chronicle,
        "experiment": masked(document.whole),
        "steps": sorted(steps, key=lambda step: step["at_seconds"]),
    }


def _probe(activity: Mapping[str, Any], values: Values) -> Probe:
    tolerance = values.filled(activity["tolerance"])

    def complaint(stack: Stack) -> str | None:
        try:
            answer = carry_out(values.filled(activity["provider"]), stack, str(activity["name"]))
        except CannotTell as error:
            return values.hidden(str(error))
        wrong = complaint_of(tolerance, answer)
        return None if wrong is None else values.hidden(wrong)

    return Probe(str(activity["name"]), complaint)
