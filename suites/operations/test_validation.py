"""OPS-VAL-001: the quick tools an operator trusts say what the suites say, on a sound and on a broken stack."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from chaos.fault import injected
from chaos.faults.container import Stopped
from stack.completed import complete
from stack.errors import CannotTell
from stack.model import ROOT, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.operations.commands import answer_of

HEALTHY = "healthy"
SERVICE = "service-without-health-check"


@dataclass(frozen=True)
class Said:
    """What one source says: the ids that did not pass."""

    source: str
    ids: frozenset[str]

    def __str__(self) -> str:
        """The source and its ids."""
        return f"{self.source}: {', '.join(sorted(self.ids)) or 'nothing'}"


@check(
    "OPS-VAL-001",
    title="Validate and health-check agree with the suites, on a sound and on a broken stack",
    area=Area.OPERATIONS,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A quick check that says 11/11 while a suite would fail teaches the operator to ignore both.",
    remediation="Let the quick tools ask the suites' own questions (stack/ops/validate.py, stack/ops/health_check.py).",
)
def test_validate_and_health_check_agree_with_the_suites(running: Stack, evidence: Evidence) -> None:
    sound = [str(file) for file in running.compose_files]
    require_agreement(validated(sound), suites_say(sound), evidence, "sound stack")
    with broken_compose() as broken:
        said = validated([broken])
        require_agreement(said, suites_say([broken]), evidence, "broken stack")
        assert said.ids, f"validate-infrastructure: finds nothing wrong with {broken_declaration()}"

    require_health(running, evidence, broken=None)
    victim = harmless(running)
    with injected(Stopped(victim), running):
        require_health(running, evidence, broken=victim)


def require_agreement(validate: Said, suites: Said, evidence: Evidence, what: str) -> None:
    """Hold that two sources say the same of one declaration."""
    evidence.observed(f"{what}: {validate}; {suites}")
    assert validate.ids == suites.ids, f"{what}: {validate}, expected the same as {suites}"


def require_health(stack: Stack, evidence: Evidence, *, broken: str | None) -> None:
    """Hold that docker-health-check and the engine's own record name the same services."""
    code, facts = answer_of(health_words(stack))
    said = {name for name, state in facts["services"].items() if state != HEALTHY}
    seen = unhealthy(stack)
    evidence.observed(f"{facts['healthy']}/{facts['of']} healthy; {broken or 'nothing'} broken; named: {sorted(said)}")
    expected = {broken} if broken else set()
    assert said == seen | expected, f"docker-health-check: names {sorted(said)}, the engine {sorted(seen | expected)}"
    assert (code == 0) == (not said), f"docker-health-check: exit code {code} with {len(said)} services named"


def health_words(stack: Stack) -> list[str]:
    """The command's words for this stack."""
    words = ["docker-health-check", "--project", stack.project]
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


def validated(files: list[str]) -> Said:
    """What validate-infrastructure says."""
    _, facts = answer_of(["validate-infrastructure", *compose_words(files)])
    return Said("validate-infrastructure", frozenset(each["id"] for each in facts["findings"]))


def suites_say(files: list[str]) -> Said:
    """What the security suite says of the same files, run as a developer runs it."""
    with tempfile.TemporaryDirectory(prefix="seatrial-suites-") as folder:
        words = [sys.executable, "-m", "pytest", "suites", "-m", "static", "-q", "-p", "no:cacheprovider"]
        done = complete(
            [*words, "--reports", folder, *compose_words(files)], timeout_seconds=90, cwd=ROOT
        )
        lines = list(Path(folder).glob("*/results.json"))
        if not lines:
            raise CannotTell(f"the static suites gave no results: {done.last_words()}")
        results = json.loads(lines[0].read_text(encoding="utf-8"))["results"]
    return Said("suites", frozenset(each["id"] for each in results if each["outcome"] in {"FAIL", "INCONCLUSIVE"}))


def compose_words(files: list[str]) -> list[str]:
    """The options that name the files; none for the reference stack, whose profile comes with it."""
    if files == [str(ROOT / "stack" / "compose.yaml")]:
        return []
    return [word for file in files for word in ("--compose-file", file)]


def broken_declaration() -> dict[str, object]:
    """A declaration with three sins: no health check, privileged, and a database open to the world."""
    service = {"image": "seatrial/base:local", "privileged": True, "ports": ["0.0.0.0:5432:5432"]}
    return {"name": "seatrial-broken", "services": {SERVICE: service}}


@contextmanager
def broken_compose() -> Iterator[str]:
    """That declaration as a file, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="seatrial-broken-") as folder:
        file = Path(folder) / "compose.yaml"
        file.write_text(yaml.safe_dump(broken_declaration()), encoding="utf-8")
        yield str(file)
