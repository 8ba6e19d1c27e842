"""Some services of the reference stack, as a project of its own for as long as something is measured on them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from stack.model import Stack
from stack.project import COMPOSE_FILE, ROOT, environment
from tests.benchmarks.figure import NotMeasured

_OFFSET = 6000


@contextlib.contextmanager
def small_stack(*services: str) -> Iterator[Stack]:
    """Bring the services up beside whatever runs, and take them down. Raises NotMeasured when they can't be had."""
    project = f"st-bench-{os.getpid()}"
    command = [sys.executable, "-m", "stack"]
    up = [*command, "up", "--project", project, "--offset", str(_OFFSET), "--no-build", "--services", *services]
    try:
        done = subprocess.run(up, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotMeasured(
                done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the stack does not come up"
            )
        env = environment(project, _OFFSET)
        yield Stack.load([COMPOSE_FILE], project=project, profile=COMPOSE_FILE.with_name("profile.toml"), env=env)
    finally:
        subprocess.run([*command, "down", "--project", project], cwd=ROOT, capture_output=True, check=False)
