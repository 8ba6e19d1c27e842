"""OPS-VAL-001: the quick tools an operator trusts name what is broken, all of it and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from chaos.fault import injected
from chaos.faults.container import Stopped
from stack.errors import CannotTell
from stack.model import ROOT, Stack
from stack.ops.command import OK
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.operations.commands import answer_of
from suites.operations.declarations import BROKEN, SOUND, Declaration

HEALTHY = "healthy"


@check(
    "OPS-VAL-001",
    title="Validate names exactly a broken declaration's sins, and health-check exactly the broken service",
    area=Area.OPERATIONS,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A quick check that says 11/11 while something is broken teaches the operator to ignore it.",
    remediation="Compare what stack/ops/validate.py and health_check.py name with what suites/operations/declarations.py breaks.",
)
def test_validate_and_health_check_name_what_is_broken(running: Stack, evidence: Evidence) -> None:
    for declaration in (SOUND, BROKEN):
        require_validation(declaration, evidence)

    if sick := unhealthy(running):
        raise CannotTell(f"the stack is not well, so what a health check should name isn't known: {', '.join(sorted(sick))}")
    require_health(running, evidence, broken=None)
    victim = harmless(running)
    with injected(Stopped(victim), running):
        require_health(running, evidence, broken=victim)


def require_validation(declaration: Declaration, evidence: Evidence) -> None:
    """Hold that validate-infrastructure names the checks that the declaration was written to break, and no others."""
    code, named = validated(declaration)
    evidence.observed(f"{declaration.name} stack: named {_list(named)}, exit code {code}")
    missed, invented = declaration.expected - named, named - declaration.expected
    wrong = [f"is blind to {_list(missed)}"] if missed else []
    wrong += [f"names {_list(invented)}, which nothing in it breaks"] if invented else []
    assert not wrong, f"validate-infrastructure, on the {declaration.name} stack: {'; '.join(wrong)}"
    assert (code == OK) == (not named), (
        f"validate-infrastructure: exit code {code} on the {declaration.name} stack, of which it names {_list(named)}"
    )


def require_health(stack: Stack, evidence: Evidence, *, broken: str | None) -> None:
    """Hold that docker-health-check names the service that was broken, and no other."""
    code, facts = answer_of(health_words(stack))
    said = {name for name, state in facts["services"].items() if state != HEALTHY}
    evidence.observed(f"{facts['healthy']}/{facts['of']} healthy; {broken or 'nothing'} broken; named: {_list(said)}")
    expected = {broken} if broken else set()
    assert said == expected, f"docker-health-check: names {_list(said)}, broken is {_list(expected)}"
    assert (code == OK) == (not said), f"docker-health-check: exit code {code} with {len(said)} services named"


def health_words(stack: Stack) -> list[str]:
    """The command's words for this stack."""
    words = ["docker-health-check", "--project", stack.project, *compose_words([str(f) for f in stack.compose_files])]
    return words + [word for name in sorted(stack.excluded) for word in ("--without", name)]


def unhealthy(stack: Stack) -> set[str]:
    """The services that the engine's record says are not healthy, or has no container of."""
    found = {container.service: container.health for container in stack.containers()}
    wanted = [each.name for each in stack.services if not each.idle and not each.one_shot]
    return {name for name in wanted if found.get(name) != HEALTHY}


def harmless(stack: Stack) -> str:
    """A service to stop for a moment: the least important that the profile knows."""
    tiers = {name: promised.tier for name, promised in stack.profile.services.items()}
    for tier in ("auxiliary", "important"):
        for container in stack.containers():
            if tiers.get(container.service) == tier and container.health == HEALTHY:
                return container.service
    raise CannotTell("no service of this stack may be stopped to see whether its health check notices")


def validated(declaration: Declaration) -> tuple[int, frozenset[str]]:
    """The exit code of validate-infrastructure on a declaration, and the ids it names."""
    with tempfile.TemporaryDirectory(prefix=f"seatrial-{declaration.name}-") as folder:
        file = Path(folder) / "compose.yaml"
        file.write_text(yaml.safe_dump(declaration.document()), encoding="utf-8")
        code, facts = answer_of(["validate-infrastructure", "--compose-file", str(file)])
    return code, frozenset(each["id"] for each in facts["findings"])


def compose_words(files: list[str]) -> list[str]:
    """The options that name the files; none for the reference stack, whose profile comes with it."""
    if files == [str(ROOT / "stack" / "compose.yaml")]:
        return []
    return [word for file in files for word in ("--compose-file", file)]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
