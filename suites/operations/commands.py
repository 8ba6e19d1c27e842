"""Runs operator commands as the operator does: `python -m stack.ops`, a process with an exit code and two streams."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from stack.completed import Completed, complete
from stack.errors import CannotTell
from stack.model import ROOT

TIMEOUT_SECONDS = 90.0


def ops(*words: str) -> Completed:
    """Run `python -m stack.ops` with `words` in the clone's root."""
    return complete([sys.executable, "-m", "stack.ops", *words], timeout_seconds=TIMEOUT_SECONDS, cwd=ROOT)


def answer_of(words: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Run a command with --json, and return its exit code and what it answered.

    Raises:
        CannotTell: it answered no JSON.

    """
    done = ops(*words, "--json")
    try:
        facts: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise CannotTell(f"stack.ops {' '.join(words)}: answered no JSON ({done.last_words()})") from error
    return done.code, facts
