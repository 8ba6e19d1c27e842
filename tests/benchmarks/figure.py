"""What a benchmark is: a number somebody promised, measured by a function, with the promise beside it.

Why this exists: figures scattered over scripts are measured once. Here each is a function; `make bench` runs them all
and writes down what it saw, missed promises included.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NotMeasured(Exception):
    """The figure can't be had here (no engine, say); the message says why."""


@dataclass(frozen=True)
class Figure:
    """A promise: ``measure`` returns the values seen (lower is better), of which the median is held
    against ``at_most``.
    """

    name: str
    unit: str
    at_most: float
    measure: Callable[[], Sequence[float]]


FIGURES: list[Figure] = []


def figure(
    name: str, *, unit: str, at_most: float
) -> Callable[[Callable[[], Sequence[float]]], Callable[[], Sequence[float]]]:
    """Register the decorated function as the measure of a promise."""

    def register(measure: Callable[[], Sequence[float]]) -> Callable[[], Sequence[float]]:
        FIGURES.append(Figure(name, unit, at_most, measure))
        return measure

    return register


def seconds_of(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, good: Sequence[int] = (0,), folder: Path = ROOT
) -> float:
    """The wall time of a whole process in seconds. Raises NotMeasured, with the end of its output, if it ends with
    another code.
    """
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    took = time.monotonic() - begun
    if done.returncode not in good:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotMeasured(f"`{' '.join(command)}` ended with {done.returncode}: {said[-1] if said else 'no output'}")
    return took


def processor_seconds_of(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, good: Sequence[int] = (0,), folder: Path = ROOT
) -> float:
    """The processor time (user and system) of a whole process that only computes: what else the machine does is not in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds_of(command, env=env, good=good, folder=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pytest_command(*words: str) -> list[str]:
    """A pytest run by this interpreter, leaving no cache."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
