"""Why: an edge that misbehaves must never look fine, hold a session up or end it with a traceback; each check says what it met."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from tests.integration.bad_edges import edge, refusing
from tests.sabotage.security import keys

HERE = Path(__file__).with_name("bad_edges")
ROOT = Path(__file__).parents[2]
PROJECT = f"st-bad-edges-{os.getpid()}"
TLS = (
    "suites/security/test_tls.py::test_nothing_older_is_accepted",
    "suites/security/test_tls.py::test_early_data_is_refused",
    "suites/security/test_tls.py::test_unknown_names_are_refused",
    "suites/security/test_certificate.py::test_certificate_key_is_strong",
)
WEB = ("suites/security/test_headers.py::test_hsts_is_everywhere",)
OUR_MISTAKES = re.compile(r"\b(Name|Type|Attribute|Key|Value|Index|Unicode\w*|Assertion)Error\b")
"""What a check that stumbled would be called instead of what it met."""
BOUND_SECONDS = 240
"""For five checks at once with six more runs on a busy machine; each wait of theirs is 5 or 10 s."""


@dataclass(frozen=True)
class Run:
    """What one run said, and how long it took."""

    results: list[dict[str, Any]]
    output: str
    seconds: float

    def outcomes(self) -> dict[str, str]:
        """The outcome by check."""
        return {result["id"]: result["outcome"] for result in self.results}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """The project with the bad edge; the service that never starts has been tried."""
    if os.geteuid() != 0:
        pytest.skip("the checks of a running stack need root")
    folder = tmp_path_factory.mktemp("edge") / "edge"
    keys.certificates(folder)
    shutil.copy(HERE / "edge.py", folder)
    folder.parent.chmod(0o755)
    try:
        found = Driver.connect(PROJECT, (HERE / "compose.yaml",), env={**os.environ, "BAD_EDGE": str(folder)})
        found.image("seatrial/python:local")
    except (NoEngine, CannotTell) as error:
        pytest.skip(str(error))
    try:
        found.compose("up", "--detach", "--pull", "never", "edge", timeout_seconds=120)
        subprocess.run(
            ["docker", "compose", "-p", PROJECT, "-f", str(HERE / "compose.yaml"), "up", "-d", "--pull", "never", "never-starts"],
            env=found.env, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        yield found
    finally:
        found.compose("down", "--volumes", "--timeout", "1", timeout_seconds=120)


@pytest.fixture(scope="module")
def run(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Runs checks on the project with one port of the edge as its HTTPS port."""

    def once(port: int, *tests: str, env: dict[str, str] | None = None, ca: str = "") -> Run:
        folder = tmp_path_factory.mktemp("run")
        profile = folder / "profile.toml"
        profile.write_text(f'[stack]\nedge = "edge"\nhttps_port = {port}\nhttp_port = 9\nserver_name = "{keys.NAME}"\n')
        if ca:
            with profile.open("a") as opened:
                opened.write(f'[tls]\nca_file = "{driver.env["BAD_EDGE"]}/{ca}"\n')
        argv = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider", "--reports", str(folder)]
        argv += ["--compose-file", str(HERE / "compose.yaml"), "--profile", str(profile)]
        argv += ["--attach", PROJECT, "--allow", "intrusive"]
        began = time.monotonic()
        done = subprocess.run(
            argv, cwd=ROOT, env={**driver.env, **(env or {})}, capture_output=True, text=True, timeout=300, check=False
        )
        seconds = time.monotonic() - began
        found = sorted(folder.rglob("results.json"))
        assert found, f"the run left no results:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
        return Run(json.loads(found[-1].read_text())["results"], done.stdout + done.stderr, seconds)

    return once


@dataclass(frozen=True)
class Bad:
    """One way to misbehave: the port that does, and the checks that must not be taken in by it."""

    port: int
    tests: tuple[str, ...]


EDGES = {
    "plain HTTP on 443": Bad(edge.PLAIN, (*TLS, *WEB)),
    "hangs in the handshake": Bad(edge.HANGS, (*TLS, *WEB)),
    "resets": Bad(edge.RESETS, (*TLS, *WEB)),
    "dribbles its handshake": Bad(edge.DRIBBLES, (*TLS, *WEB)),
    "dribbles its answer": Bad(edge.MUTE, WEB),
    "IPv6 only, and nobody there": Bad(8007, (*TLS, *WEB)),
    "no TLS port": Bad(9999, (*TLS, *WEB)),
}


@pytest.fixture(scope="module")
def runs(run: Callable[..., Run]) -> dict[str, Run]:
    """What was said of each, all asked at once: nearly all of their time is waiting."""
    with ThreadPoolExecutor(max_workers=len(EDGES)) as pool:
        return dict(zip(EDGES, pool.map(lambda bad: run(bad.port, *bad.tests), EDGES.values()), strict=True))


@pytest.mark.parametrize("name", EDGES)
def test_no_check_passes_on_an_edge_that_misbehaves(runs: dict[str, Run], name: str) -> None:
    said = runs[name]

    assert len(said.results) == len(EDGES[name].tests), said.output
    assert {check: outcome for check, outcome in said.outcomes().items() if outcome == "PASS"} == {}
    assert {"INCONCLUSIVE", "FAIL"} & set(said.outcomes().values())
    assert all(result["reason"] for result in said.results)
    assert not [result for result in said.results if OUR_MISTAKES.search(result["reason"])]


@pytest.mark.parametrize("name", EDGES)
def test_none_ends_in_a_traceback_or_takes_for_ever(runs: dict[str, Run], name: str) -> None:
    assert "Traceback (most recent call last)" not in runs[name].output
    assert runs[name].seconds < BOUND_SECONDS


def test_a_certificate_that_nobody_vouches_for_fails(run: Callable[..., Run]) -> None:
    said = run(edge.SELF_SIGNED, "suites/security/test_certificate.py::test_certificate_verifies", ca="ca.crt")

    assert said.outcomes() == {"SEC-TLS-006": "FAIL"}, said.results


def test_a_service_that_never_starts_is_never_fine(run: Callable[..., Run]) -> None:
    said = run(edge.PLAIN, "suites/security/test_runtime_privileges.py", "suites/security/test_runtime_isolation.py")

    outcomes = {result["id"]: result["outcome"] for result in said.results if result["subject"] == "never-starts"}
    assert outcomes
    assert set(outcomes.values()) <= {"INCONCLUSIVE", "FAIL", "NOT_APPLICABLE"}, outcomes
    assert "Traceback (most recent call last)" not in said.output


def test_an_engine_that_refuses_exec_is_no_answer(driver: Driver, tmp_path: Path) -> None:
    with refusing.engine_without_exec(tmp_path) as endpoint:
        strict = replace(driver, endpoint=endpoint)
        identity = strict.container_ids("edge")[0]

        with pytest.raises(CannotTell, match="no exec here"):
            strict.exec(identity, ["true"])


def test_checks_over_an_engine_that_refuses_exec_look_all_the_same(run: Callable[..., Run], tmp_path: Path) -> None:
    with refusing.engine_without_exec(tmp_path) as endpoint:
        said = run(edge.PLAIN, "suites/security/test_runtime_privileges.py", env={"DOCKER_HOST": endpoint})

    assert "Traceback (most recent call last)" not in said.output
    assert {r["outcome"] for r in said.results if r["subject"] == "edge"} <= {"PASS", "FAIL", "INCONCLUSIVE"}
