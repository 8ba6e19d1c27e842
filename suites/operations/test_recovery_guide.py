"""OPS-DOC-003: what the disaster recovery guide tells to type is what the restore suite runs, and can be typed."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterable

from stack.model import Stack
from stack.ops.__main__ import COMMANDS
from stack.ops.command import Parser
from stack.project import COMPOSE_FILE
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.restore.guide import GUIDE, RUN_HERE, written


@check(
    "OPS-DOC-003",
    title="The disaster recovery guide's commands are those the restore suite runs",
    area=Area.OPERATIONS,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="A guide that is read at the worst moment must not hold a command that nobody ever tried.",
    remediation="Write into docs/disaster-recovery.md what suites/restore/guide.py runs, and run what is written there.",
    standards=("NIST SP 800-34 3.5",),
)
def test_guide_holds_what_is_run(stack: Stack, evidence: Evidence) -> None:
    if stack.compose_files[:1] != (COMPOSE_FILE,):
        not_applicable("the guide and its commands are the reference stack's")
    commands = written()
    wrong = differing(commands)
    evidence.declared(f"{GUIDE.name}: {'; '.join(' '.join(words) for words in commands)}")

    assert not wrong, f"{GUIDE.name}: {'; '.join(wrong)}"


def differing(commands: Iterable[tuple[str, ...]]) -> list[str]:
    """How the guide's commands differ from those that are run, both ways, and which can't be typed."""
    found = []
    names = {words[0] for words in commands}
    found += [f"{name} is written there, and the suite does not run it" for name in sorted(names - RUN_HERE)]
    found += [f"{name} is run by the suite, and not written there" for name in sorted(RUN_HERE - names)]
    return [*found, *(f"{' '.join(words)}: {why}" for words in commands if (why := refused(words)))]


def refused(words: tuple[str, ...]) -> str:
    """Why a command line can't be typed, by its own parser; empty when it can."""
    if words[0] not in COMMANDS:
        return "there is no such command"
    module = importlib.import_module(COMMANDS[words[0]].module)
    parser = Parser(prog=words[0], conflict_handler="resolve")
    parser.add_argument("--json", action="store_true")
    module.add_arguments(parser)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser.parse_args(words[1:])
    except SystemExit:
        return said.getvalue().strip()
    return ""
