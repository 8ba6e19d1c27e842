"""Why: a service that keeps the old secret after a rotation must be found, whether it still takes it or only remembers it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.model import Stack
from tests.sabotage.security import forgetful

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def said(reference: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything SEC-SEC-006 says of a rotation that restarts one reader alone."""
    if os.geteuid() != 0:
        pytest.skip("the rotation drill needs root")
    reports = tmp_path_factory.mktemp("rotation")
    argv = [sys.executable, "-m", "pytest", "-p", forgetful.__name__, "suites/security/test_rotation.py", "-q"]
    argv += ["-p", "no:cacheprovider", "--reports", str(reports), "--attach", reference.project]
    argv += ["--allow", "destructive", reference.project]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found = sorted(reports.rglob("results.json"))
    assert found, f"the run left no results:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    (result,) = json.loads(found[-1].read_text())["results"]
    assert (result["id"], result["outcome"]) == ("SEC-SEC-006", "FAIL"), result
    return str(result["reason"])


@pytest.mark.parametrize(
    "text",
    [
        "monero-wallet-rpc-vendor: the old password is answered 200, expected 401",
        "monero-wallet-rpc-arbiter: the new password is answered 401, expected 200",
        "a session begun under the old SESSION_SECRET still opens",
        "monero-exporter: a process still holds the old",
        "server-blue: a process still holds the old SESSION_SECRET",
    ],
)
def test_whoever_keeps_the_old_secret_is_found(said: str, text: str) -> None:
    assert text in said


def test_who_took_the_new_one_is_not_accused(said: str) -> None:
    assert f"{forgetful.RESTARTED}: " not in said
