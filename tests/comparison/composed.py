"""Seatrial's static checks and compose-lint, each as a process, on the same compose files."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stack.completed import Completed, complete
from stack.errors import CannotTell
from tests.comparison.judged import TRUTH, Judged, Said, judged
from tests.sabotage.security import static_files

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS = 300
INPUTS = Path(__file__).with_name("inputs")


def inputs(folder: Path) -> dict[str, tuple[Path, dict[str, dict[str, list[str]]]]]:
    """The compose files by name, each with what is wrong with it: which ids of either tool would say so."""
    made = {name: (INPUTS / f"{name}.yaml", TRUTH[name]) for name in ("shop", "monitoring", "swarm")}
    made["reference"] = (ROOT / "stack" / "compose.yaml", TRUTH["reference"])
    seeded = tuple(one for one in static_files.defects() if not one.catches.startswith("SEC-GIXY"))
    sabotage = folder / "sabotage"
    sabotage.mkdir()
    truth = {f"{one.name}: {one.what}": {"ours": [one.catches, *one.also], "lint": ["*"]} for one in seeded}
    made["sabotage"] = (static_files.write(sabotage, seeded), truth)
    return made


def compared(name: str, file: Path, truth: dict[str, dict[str, list[str]]], folder: Path) -> tuple[Judged, Judged]:
    """Both tools on one file: ours, and compose-lint."""
    services = {defect.partition(": ")[0] for defect in truth}
    began = time.monotonic()
    results = seatrial(["-m", "static", "--compose-file", str(file)], folder / f"ours-{name}", file)
    ours = judged(
        {defect: ids["ours"] for defect, ids in truth.items()},
        (said for said in failures(results, services)),
        time.monotonic() - began,
    )
    done = run([str(BIN / "compose-lint"), "--format", "json", str(file)])
    said = [Said(one["rule_id"], one["service"]) for one in json.loads(done.stdout)["findings"]]
    if name == "sabotage":  # each of its services has one defect: whatever is said of it counts as seeing it
        said = [Said("*", one.about) if one.about in services else one for one in said]
    return ours, judged({defect: ids["lint"] for defect, ids in truth.items()}, said, done.seconds)


def seatrial(arguments: list[str], reports: Path, file: Path, tests: Sequence[str] = ("",)) -> list[dict[str, Any]]:
    """The results of one run of the security area, or of some files of it."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        *(f"suites/security/{test}" for test in tests),
        "-q",
        "-p",
        "no:cacheprovider",
        "--reports",
        str(reports),
    ]
    own = file == ROOT / "stack" / "compose.yaml"
    done = run([*argv, *(word for word in arguments if not own or word not in ("--compose-file", str(file)))])
    found = sorted(reports.glob("*/results.json"))
    if not found:
        raise CannotTell(f"the checks left no results for {file}: {done.last_words()}")
    results: list[dict[str, Any]] = json.loads(found[-1].read_text())["results"]
    return results


def failures(results: list[dict[str, Any]], services: set[str]) -> Iterator[Said]:
    """Each thing found, with the service that it names."""
    says = {one.says: one.name for one in static_files.defects() if one.says}
    for result in results:
        for line in result.get("reason", "").splitlines() if result["outcome"] == "FAIL" else ():
            other = next((name for text, name in says.items() if text in line), line.partition(":")[0].strip())
            yield Said(result["id"], result["subject"] if result["subject"] in services else other)


def run(argv: list[str]) -> Completed:
    """A process to its end; its exit code says that something was found, and is no error."""
    return complete(argv, timeout_seconds=SECONDS, cwd=ROOT, env=os.environ)
