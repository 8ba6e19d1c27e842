"""Runs the security suite against the sabotaged stack, each session's under names and on ports of its own."""

from __future__ import annotations

import functools
import json
import os
import random
import secrets
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Its own in every run, so that two on one engine don't take each other's.
RUN = secrets.token_hex(4)
PROJECT = f"st-security-sabotage-{RUN}"
MOVING = f"seatrial-sabotage-{RUN}/moving:latest"
CARELESS = f"seatrial-sabotage-{RUN}/careless:local"
PORTS = (11, 12, 13, 14, 80, 443, 444, 445)


@dataclass(frozen=True)
class Run:
    """One run of the suite, as its results file tells it."""

    results: list[dict[str, Any]]
    output: str

    def failed(self, subject: str) -> list[str]:
        """The checks that failed on one service."""
        return sorted({r["id"] for r in self.results if r["outcome"] == "FAIL" and r.get("subject") == subject})

    def outcomes(self, check: str) -> set[str]:
        """The outcomes of a check, over all its subjects."""
        return {str(r["outcome"]) for r in self.results if r["id"] == check}

    def seconds(self, check: str, subject: str | None = None) -> float:
        """How long a check took, over all its subjects or on one."""
        return sum(r["seconds"] for r in self.results if r["id"] == check and subject in (None, r.get("subject")))

    def texts(self, check: str) -> str:
        """Everything the failures of a check say."""
        return "\n".join(
            json.dumps(r, ensure_ascii=False) for r in self.results if r["id"] == check and r["outcome"] == "FAIL"
        )


def run_suite(folder: Path, *arguments: str, profile: Path) -> Run:
    """Runs `pytest suites/security` as a process of its own against the sabotaged project."""
    reports = folder / f"reports-{len(list(folder.glob('reports-*')))}"
    argv = [
        sys.executable, "-m", "pytest", *(arguments or ("suites/security",)), "-q", "-p", "no:cacheprovider", "--reports", str(reports),
        "--compose-file", str(HERE / "compose.yaml"), "--attach", PROJECT, "--allow", "intrusive", "--profile", str(profile),
    ]  # fmt: skip
    done = subprocess.run(
        argv, cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=300, check=False
    )
    found = sorted(reports.rglob("results.json"))
    assert found, f"the run left no results:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    return Run(json.loads(found[-1].read_text())["results"], done.stdout)


def environment(folder: Path) -> dict[str, str]:
    """The environment of compose and of the suite: where the edge's certificates are."""
    return {
        **os.environ,
        "SABOTAGE_TLS": str(folder / "tls"),
        "SABOTAGE_BACKUPS": str(folder / "backups"),
        "SABOTAGE_RUN": RUN,
        "SABOTAGE_BASE": free_thousand(),
    }


@functools.cache
def free_thousand() -> str:
    """A thousand in which every host port of compose.yaml is free; below the ports that the kernel hands out by itself."""
    for thousand in random.sample(range(20, 32), 12):
        with ExitStack() as held:
            try:
                for port in PORTS:
                    held.enter_context(socket.create_server(("", thousand * 1000 + port)))
            except OSError:
                continue
            return str(thousand)
    pytest.fail("no thousand from 20000 to 31000 has the eight free ports that the sabotaged stack publishes")
