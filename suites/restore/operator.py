"""Types the guide's commands as an operator would, in a clone, and reads what they answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stack.project import ROOT
from suites.restore.guide import command

_PATIENCE_SECONDS = 300


def typed(name: str, *more: str, clone: Path = ROOT) -> dict[str, Any]:
    """Run the guide's command of that name with `more` appended, and return what it answered.

    Raises:
        AssertionError: it failed; with its sentence.
        CannotTell: the guide does not have it.

    """
    argv: Sequence[str] = [sys.executable, *command(name), *more, "--json"]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            argv, cwd=clone, env=env, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{name} did not end within {_PATIENCE_SECONDS} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise AssertionError(f"{name} ended with {done.returncode}: {last}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told
