"""Several runs of one stack side by side: what is raised on it unwaived, and what is not the same in each.

Why this exists: a finding that comes and goes teaches people to run again until it is gone. A healthy stack has to raise
nothing, five times in a row.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reports.document import Run, load
from reports.outcome import Outcome
from reports.verdict import judged
from reports.waivers import recorded
from stack.errors import UserError


@dataclass(frozen=True)
class Noise:
    """What several runs say of one stack."""

    runs: int
    raised: tuple[str, ...]
    """Checks that nobody waived and that did not pass, with the runs they were raised in and the first reason."""
    unsteady: tuple[str, ...]
    """Instances whose outcome is not the same in every run."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing was raised and nothing differs."""
        return not self.raised and not self.unsteady


def between(runs: Sequence[Run], today: date) -> Noise:
    """Compare runs; an instance that a run planned and has no result of counts as INCONCLUSIVE there."""
    raised: dict[str, list[int]] = defaultdict(list)
    reasons: dict[str, str] = {}
    seen: dict[str, dict[int, Outcome]] = defaultdict(dict)
    for number, run in enumerate(runs, start=1):
        card = judged(run, recorded(run.manifest.get("waivers") or ()), today)
        for one in card.checks:
            if one.stands:
                raised[one.entry.id].append(number)
                reasons.setdefault(
                    one.entry.id, f"{one.outcome.words}: {one.reason.splitlines()[0] if one.reason else ''}"
                )
            for result in one.results:
                seen[f"{result.id}[{result.subject}]" if result.subject else result.id][number] = result.outcome
    numbers = range(1, len(runs) + 1)
    return Noise(
        len(runs),
        tuple(f"{id_} in run {_listed(where)}: {reasons[id_]}" for id_, where in sorted(raised.items())),
        tuple(
            f"{name}: {', '.join(_word(had.get(number)) for number in numbers)}"
            for name, had in sorted(seen.items())
            if len({had.get(number) for number in numbers}) > 1
        ),
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _word(outcome: Outcome | None) -> str:
    return "absent" if outcome is None else outcome.words


def told(noise: Noise) -> str:
    """The comparison as text."""
    lines = [f"{noise.runs} runs: {'nothing raised, no difference' if noise.is_silent else 'not silent'}"]
    for title, some in (("raised and not waived", noise.raised), ("not the same in every run", noise.unsteady)):
        if some:
            lines += [f"{title} ({len(some)})", *(f"  {line}" for line in some)]
    return "\n".join(lines)


def collect(
    number: int, arguments: Sequence[str], folder: Path, say: Callable[[str], None], env: Mapping[str, str]
) -> list[Run]:
    """Run pytest so many times with these arguments, each run's reports in a folder of its own, and return the records.

    The stack stays up between the runs, as it was meant to be looked at, and goes down at the end of the last.

    Raises:
        UserError: a run left no record, so there is nothing to compare.

    """
    runs = []
    for one in range(1, number + 1):
        reports = folder / f"run-{one}"
        argv = [sys.executable, "-m", "pytest", *arguments, "-q", "--reports", str(reports)]
        argv += ["--keep-stack"] if one < number else []
        done = subprocess.run(
            argv, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        latest = reports / "latest"
        if not latest.exists():
            raise UserError(
                f"run {one} left no results: {done.stdout.strip().splitlines()[-1:] or ['it said nothing']}."
            )
        runs.append(load(latest))
        say(f"run {one} of {number}: exit code {done.returncode}, {len(runs[-1].results)} answers")
    return runs
