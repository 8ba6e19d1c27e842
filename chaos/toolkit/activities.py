"""What Chaos Toolkit calls when it carries out an experiment of ours that was exported: the same probes and faults.

Faults keep their safety there: intent on disk, the watchdog in a process of its own, and what still stands when
Chaos Toolkit ends (it skips rollbacks after a failure) is taken back as its process ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from stack.errors import UserError
from stack.waiting import eventually

if TYPE_CHECKING:
    from chaos.experiment import Experiment
    from chaos.injection import Injection
    from stack.model import Stack

HOLDS = "holds"
"""What a probe answers whose question has the right answer; any other answer is a complaint."""
PROJECT, PERMISSION = "SEATRIAL_PROJECT", "SEATRIAL_ALLOW_FAULTS"
"""Which project, and the same name again by whoever allows faults in it."""
_WITNESSED_WITHIN = timedelta(seconds=15)
_standing: dict[tuple[str, int], tuple[ExitStack, Injection]] = {}


def answer(experiment: str, probe: str, configuration: Mapping[str, Any] | None = None) -> str:
    """`holds`, or what is wrong. Raises UserError when the experiment has no such probe, CannotTell when nobody can ask."""
    chosen = _experiment(experiment)
    asked = [one for one in (*chosen.steady_state, *chosen.during) if one.name == probe]
    if not asked:
        raise UserError(f"{experiment} has no probe {probe!r}")
    return asked[0].complaint(_stack(_project(configuration))) or HOLDS


def inject(experiment: str, fault: int = 0, configuration: Mapping[str, Any] | None = None) -> str:
    """Inject the experiment's fault of that number and leave it standing; says which it is.

    Raises UserError where faults in the project were not allowed by its name.
    """
    from chaos.injection import injected

    project = _project(configuration)
    if (configuration or {}).get("permission") != project:
        raise UserError(f"faults in project {project} need {PERMISSION}={project}")
    chosen = _experiment(experiment).faults[fault]
    with ExitStack() as taken_back:
        injection = taken_back.enter_context(injected(chosen, _stack(project)))
        _standing[experiment, fault] = taken_back.pop_all(), injection
    return str(chosen)


def bit(experiment: str, fault: int = 0, configuration: Mapping[str, Any] | None = None) -> str:
    """The witness's evidence that the fault bit. Raises UserError when it does not stand, AssertionError when nothing is seen."""
    if (experiment, fault) not in _standing:
        raise UserError(f"{experiment}: its fault {fault} does not stand")
    _, injection = _standing[experiment, fault]
    stack = _stack(_project(configuration))
    return eventually(
        lambda: injection.fault.witness(stack, injection.before),
        within=_WITNESSED_WITHIN,
        every=timedelta(milliseconds=100),
        what=f"the witness of {injection.fault}",
    )


def revert(experiment: str, fault: int = 0, configuration: Mapping[str, Any] | None = None) -> str:
    """Take the fault back and prove it gone; nothing to do when it does not stand. Raises RevertFailed."""
    if (experiment, fault) not in _standing:
        return "did not stand"
    taken_back, injection = _standing.pop((experiment, fault))
    taken_back.close()
    return f"{injection.fault} is gone, and the fingerprint is what it was"


def _experiment(id: str) -> Experiment:
    from chaos.experiments import every

    found = {experiment.id: experiment for experiment in every()}
    if id not in found:
        raise UserError(f"there is no experiment {id}")
    return found[id]


def _project(configuration: Mapping[str, Any] | None) -> str:
    from stack.project import DEFAULT

    return str((configuration or {}).get("project") or DEFAULT)


@cache
def _stack(project: str) -> Stack:
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    return Stack.load(
        [COMPOSE_FILE], project=project, profile=COMPOSE_FILE.with_name("profile.toml"), env=environment(project)
    )
