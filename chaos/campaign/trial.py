"""One kill: start a runner that is to have somebody killed, see who heals, and have what is left judged by the independent judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.campaign.draw import Kill
from chaos.examples import EXAMPLES
from chaos.runner import folder_of, journal_of
from chaos.watchdog import specify
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

ROOT = Path(__file__).resolve().parents[2]
_JUDGE = Path(__file__).with_name("judge.py")
_ENDS_WITHIN_SECONDS = 180
_HEALED_WITHIN = timedelta(seconds=120)
_JUDGED_WITHIN_SECONDS = 45
_OFTEN = timedelta(milliseconds=20)
_SIGKILLED = -9
_NOT_INJECTED = 3
_BEGINS = 3


@dataclass(frozen=True)
class Trial:
    """What came of one kill."""

    kill: Kill
    killed: str
    """Who died: the runner stands in for a helper that wasn't there."""
    healer: str
    """Who took the fault back: `runner`, `watchdog`, or `a person` with `python -m chaos heal`."""
    healed_seconds: float
    """From the kill to the journal's saying that nothing stands."""
    wrong: tuple[str, ...]
    """What was left, or else went wrong; empty when nothing did."""

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        told = {
            "killed": self.killed,
            "healer": self.healer,
            "healed_seconds": self.healed_seconds,
            "wrong": self.wrong,
        }
        return {**self.kill.to_json(), **told}


class Judge:
    """The independent judge as a process, with what it saw before anything was broken."""

    def __init__(self, project: str, folder: Path) -> None:
        self._project = project
        self._before = folder / f"{project}.before.json"
        self._before.parent.mkdir(parents=True, exist_ok=True)
        self.look()

    def look(self) -> None:
        """What is now is how it should be. Raises CannotTell when it can't judge."""
        self._before.write_text(_ran([str(_JUDGE), "snapshot", self._project], accept=(0,)).stdout)

    def leftovers(self, *, within: float = _JUDGED_WITHIN_SECONDS) -> tuple[str, ...]:
        """What differs from then, once what is still starting had its time. Raises CannotTell when it can't judge."""
        done = _ran([str(_JUDGE), "compare", str(self._before), self._project, str(within)])
        left = tuple(done.stdout.splitlines())
        if done.returncode and not left:
            raise CannotTell(f"the judge says that something is left and not what: {done.stderr.strip()[-300:]}")
        return left


def tried(kill: Kill, stack: Stack, judge: Judge, usually: tuple[float, float]) -> Trial:
    """Do it. `usually` is how many seconds an injection and a revert of the fault take. Raises CannotTell without a judge."""
    try:
        died, said, killing = run_doomed(kill, stack, usually)
    except CannotTell as error:
        return Trial(kill, "nobody", "nobody", 0.0, (str(error), *judge.leftovers()))
    wrong: list[str] = []
    ended = str(next((one["ended"] for one in said if "ended" in one), died.stderr.strip()))[-400:]
    if killing is None:
        wrong.append(f"nobody was killed; the runner ended with {died.returncode}: {ended}")
        killing = {"killing": "nobody", "at": time.monotonic()}
    elif died.returncode not in (0, _NOT_INJECTED, _SIGKILLED):
        wrong.append(f"the runner ended with {died.returncode}: {ended}")
    healer = "runner" if died.returncode != _SIGKILLED else "watchdog"
    if killing["killing"] == "runner and watchdog":
        healer = "a person"
        command = ["-m", "chaos", "heal", "--project", stack.project]
        command += [word for file in stack.compose_files for word in ("--compose-file", str(file))]
        healing = _ran(command, env=stack.driver.env, accept=None)
        if healing.returncode:
            wrong.append(
                f"python -m chaos heal ended with {healing.returncode}: {(healing.stderr or healing.stdout).strip()}"
            )
    try:
        eventually(lambda: not journal_of(stack).standing(), within=_HEALED_WITHIN, every=_OFTEN, what="healing")
    except AssertionError as error:
        wrong.append(
            f"{error}; standing: {', '.join(str(one.failure or one.fault) for one in journal_of(stack).standing())}"
        )
    healed = time.monotonic() - killing["at"]
    return Trial(kill, killing["killing"], healer, healed, (*wrong, *judge.leftovers()))


def run_doomed(
    kill: Kill, stack: Stack, usually: tuple[float, float] = (0.0, 0.0)
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]], dict[str, Any] | None]:
    """Run the runner that is to have somebody killed: how it ended, what it said, and of that whom it killed and when.

    One that could not inject at all (the machine was too busy for the watchdog, say) has shown nothing: it is run again.
    Raises CannotTell when it doesn't end.
    """
    example = EXAMPLES[kill.effect]
    order = {
        "stack": specify(stack, folder_of(stack)),
        "fault": example.fault.to_json(),
        "stir": example.stir,
        "kill": kill.to_json(),
        "injecting": usually[0],
        "reverting": usually[1],
    }
    for _ in range(_BEGINS):
        died = _ran(["-m", "chaos.campaign.doomed"], told=json.dumps(order), accept=None)
        said = [json.loads(line) for line in died.stdout.splitlines()]
        killing = next((one for one in said if "killing" in one), None)
        if killing is not None or died.returncode != _NOT_INJECTED:
            break
    return died, said, killing


def _ran(
    words: Sequence[str],
    *,
    told: str | None = None,
    env: dict[str, str] | None = None,
    accept: tuple[int, ...] | None = (0, 1),
) -> subprocess.CompletedProcess[str]:
    """Run a Python program of this folder's. Raises CannotTell when it doesn't end in time or not with a code of `accept`."""
    try:
        done = subprocess.run(
            [sys.executable, *words],
            input=told,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            timeout=_ENDS_WITHIN_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotTell(f"{' '.join(words)[:120]} did not end within {_ENDS_WITHIN_SECONDS} s") from error
    if accept is not None and done.returncode not in accept:
        raise CannotTell(f"{' '.join(words)[:120]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done
