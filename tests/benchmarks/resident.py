"""What a command and all it starts hold in memory, looked at while it runs: a program's own peak says nothing of its children."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.figure import ROOT, NotMeasured

LOOK_EVERY_SECONDS = 0.2
PROC = Path("/proc")


def highest_resident(command: Sequence[str], *, good: Sequence[int] = (0,)) -> float:
    """The highest sum of resident sets (MB, 10^6 bytes) of a process and its descendants. Raises NotMeasured if it ends badly."""
    highest = 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        while process.poll() is None:
            highest = max(highest, sum(map(resident_bytes, family_of(process.pid))))
            try:
                process.wait(timeout=LOOK_EVERY_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode not in good:
        raise NotMeasured(f"`{' '.join(command)}` ended with {process.returncode}")
    return highest / 1e6


def family_of(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they still run."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for task in (PROC / str(one) / "task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:
                continue  # it has ended
    return found


def resident_bytes(pid: int) -> int:
    """What a process has in memory; 0 when it has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)
