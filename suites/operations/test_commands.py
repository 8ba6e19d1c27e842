"""OPS-CMD-001: an operator command can be learnt from itself, refuses nonsense, and offers a rehearsal of what it destroys.

Nothing is rehearsed here: only whether --help offers it is looked at.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from stack.ops.__main__ import COMMANDS
from stack.ops.command import BAD_INPUT, OK, Command
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.operations.commands import ops

NONSENSE = "--no-such-option"
FEWEST_LINES = 4


@check(
    "OPS-CMD-001",
    title="Every operator command explains itself, refuses bad arguments, and names --dry-run if it destroys",
    area=Area.OPERATIONS,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="These commands are typed under pressure, by somebody who has not used them for a year.",
    remediation="Give the command a docstring and help texts, and --dry-run where it replaces or removes something.",
)
def test_every_command_can_be_learnt_and_offers_a_rehearsal(evidence: Evidence) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(COMMANDS, pool.map(lambda item: faults(*item), COMMANDS.items()), strict=True))

    evidence.observed("--help and a bad option were run for each; --dry-run was looked for in the help, and not run")
    evidence.table(
        "operator commands", ("command", "what is wrong"), [(name, "; ".join(bad) or "nothing") for name, bad in found.items()]
    )
    wrong = [f"{name}: {'; '.join(bad)}" for name, bad in found.items() if bad]
    assert not wrong, " · ".join(wrong)


def faults(name: str, command: Command) -> list[str]:
    """What is wrong with one command, from running it."""
    found: list[str] = []
    told = ops(name, "--help")
    if told.code != OK or len(told.stdout.splitlines()) < FEWEST_LINES:
        found.append(f"--help ends with {told.code} after {len(told.stdout.splitlines())} lines, expected an explanation")
    if command.destructive and "--dry-run" not in told.stdout:
        found.append("replaces or removes data and its --help names no --dry-run")
    refused = ops(name, NONSENSE)
    if refused.code != BAD_INPUT:
        found.append(f"{NONSENSE} ends with {refused.code}, expected {BAD_INPUT}")
    if "Traceback" in refused.stderr or not refused.stderr.strip():
        found.append(f"{NONSENSE} is answered with {refused.last_words()!r}, expected one sentence")
    return found
