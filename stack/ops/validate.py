"""Judge a stack's declaration before it is deployed, by the suites' own static checks, so that the two can't disagree.

No engine is needed. Names every check that did not pass, with what it found. Run it from a clone of Seatrial with its
virtual environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stack.errors import UserError
from stack.ops.command import BAD_INPUT, FAILED, OK, Refused, answer

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300
BAD = {"FAIL", "INCONCLUSIVE"}


@dataclass(frozen=True)
class Finding:
    """One thing that kept a check from passing; of a check there can be several."""

    id: str
    outcome: str
    title: str
    message: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--compose-file", type=Path, action="append", default=[], help="another stack's file (repeatable: merged)"
    )
    parser.add_argument("--profile", type=Path, help="what that stack promises; without one, roles are inferred")


def main(args: argparse.Namespace) -> int:
    """Validate, print the findings, and fail when there is one."""
    assessed, found = validate(args.compose_file, args.profile)
    lines = [f"{each.outcome} {each.id} {each.title}: {each.message}" for each in found]
    summary = f"{assessed} checks, {len({each.id for each in found})} not passed"
    answer(args, {"assessed": assessed, "findings": [asdict(each) for each in found]}, "\n".join([*lines, summary]))
    return FAILED if found else OK


def validate(compose_files: list[Path], profile: Path | None) -> tuple[int, list[Finding]]:
    """Run the static checks in a process of their own, and return how many there were and which did not pass.

    Raises:
        UserError: the files can't be used, with pytest's own sentence.
        Refused: the checks could not be run.

    """
    named = [*(("--compose-file", str(file.absolute())) for file in compose_files)]
    argv = [word for pair in named for word in pair]
    if profile is not None:
        argv += ["--profile", str(profile.absolute())]
    with tempfile.TemporaryDirectory(prefix="seatrial-validate-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "suites", "-m", "static", "-q", "-p", "no:cacheprovider", "--reports", folder]
            + argv,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode == BAD_INPUT:
            raise UserError(sentence_of(done.stderr or done.stdout))
        results = Path(folder) / "latest" / "results.json"
        if not results.exists():
            raise Refused(f"the checks could not be run: {sentence_of(done.stderr or done.stdout)}")
        document: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    return findings(document)


def findings(document: dict[str, Any]) -> tuple[int, list[Finding]]:
    """Read a results file: how many checks were assessed, and everything found by those that did not pass.

    Of a check that both failed and could not tell, what failed is told.

    Raises:
        Refused: not one check was assessed: that nothing was found says nothing then.

    """
    titles = {check["id"]: check["title"] for check in document["checks"]}
    found: dict[str, list[Finding]] = {}
    assessed: set[str] = set()
    for result in document["results"]:
        id, outcome = result["id"], result["outcome"]
        if outcome == "NOT_APPLICABLE":
            continue
        assessed.add(id)
        if outcome in BAD:
            lines = [line for line in str(result.get("reason", "")).splitlines() if line.strip()] or [""]
            found.setdefault(id, []).extend(Finding(id, outcome, titles.get(id, ""), line) for line in lines)
    if not assessed:
        raise Refused("no check could be applied to this declaration, so nothing can be said of it")
    return len(assessed), [each for id in sorted(found) for each in _worst(found[id])]


def _worst(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.outcome == "FAIL"] or found


def sentence_of(output: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("ERROR:")] or lines
    return told[-1].removeprefix("ERROR:").strip() if told else "pytest said nothing"
