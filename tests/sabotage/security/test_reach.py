"""Why: whoever guards IPv4 alone leaves the other half open, and silence must not pass for safety where the edge itself is gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from stack.ops import firewall

HERE = Path(__file__).with_name("reach")
ROOT = Path(__file__).parents[3]
PROJECT = f"st-reach-{os.getpid()}"
FORWARDING = Path("/proc/sys/net/ipv6/conf/all/forwarding")
Results = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """The project with the open network, on a host that forwards IPv6 as a router or a newer engine makes it."""
    if os.geteuid() != 0 or not FORWARDING.exists():
        pytest.skip("the seeded defects need root and a kernel with IPv6")
    with ExitStack() as undo:
        held = [undo.enter_context(socket.create_server(("", 0))) for _ in range(3)]
        ports = [str(each.getsockname()[1]) for each in held]
    env = {**os.environ, **dict(zip(("REACH_PORT", "REACH_LOOPBACK", "REACH_SIX"), ports, strict=True))}
    try:
        found = Driver.connect(PROJECT, (HERE / "compose.yaml",), env=env)
        found.image("seatrial/python:local")
    except (NoEngine, CannotTell) as error:
        pytest.skip(str(error))
    before = FORWARDING.read_text()
    try:
        FORWARDING.write_text("1")
        found.compose("up", "--detach", "--pull", "never", timeout_seconds=120)
        yield found
    finally:
        firewall.remove(PROJECT)
        found.compose("down", "--volumes", "--timeout", "1", timeout_seconds=120)
        FORWARDING.write_text(before)


@pytest.fixture(scope="module")
def run(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Results]:
    """Runs the network checks on the project as it is now."""

    def once() -> Results:
        reports = tmp_path_factory.mktemp("reach")
        argv = [sys.executable, "-m", "pytest", "suites/security/test_network.py", "-q", "-p", "no:cacheprovider"]
        argv += ["--compose-file", str(HERE / "compose.yaml"), "--profile", str(HERE / "profile.toml")]
        argv += ["--attach", PROJECT, "--allow", "intrusive", "--reports", str(reports)]
        done = subprocess.run(argv, cwd=ROOT, env=driver.env, capture_output=True, text=True, timeout=300, check=False)
        found = sorted(reports.rglob("results.json"))
        assert found, f"the run left no results:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
        return {result["id"]: result for result in json.loads(found[-1].read_text())["results"]}

    return once


@pytest.fixture(scope="module")
def open_run(run: Callable[[], Results]) -> Results:
    """With no firewall."""
    return run()


@pytest.fixture(scope="module")
def closed_run(open_run: Results, run: Callable[[], Results]) -> Results:
    """With the project's firewall up."""
    firewall.apply(PROJECT)
    return run()


@pytest.fixture(scope="module")
def edgeless_run(closed_run: Results, driver: Driver, run: Callable[[], Results]) -> Results:
    """With the firewall up, nothing published any more that should not be, and the edge stopped."""
    for service in ("edge", "published-on-ipv6"):
        driver.stop(driver.container_ids(service)[0], grace_seconds=1)
    return run()


@pytest.mark.parametrize(
    ("check", "texts"),
    [
        ("SEC-NET-001", ["(published-on-ipv6)", "[2001:db8::1]:", "published-on-ipv6 answers at its container's address [2001:db8:6::", "shut-in answers at its container's address"]),
        ("SEC-NET-002", ["edge does not reach shut-in:9999/tcp, though a flow says it does", "edge reaches shut-in:8097/tcp, and no flow says it may"]),
        ("SEC-NET-003", ["leaks-over-ipv6 reaches the outside: its packet arrived from 2001:db8:6::", "leaks-by-masquerade reaches the outside: its packet arrived from 198.51.100.1"]),
    ],
)  # fmt: skip
def test_what_is_open_is_found_in_both_families(open_run: Results, check: str, texts: list[str]) -> None:
    assert open_run[check]["outcome"] == "FAIL", open_run[check]
    missing = [text for text in texts if text not in open_run[check]["reason"]]
    assert not missing, f"not said: {missing}; said: {open_run[check]['reason']}"


def test_the_firewall_closes_containers_and_ways_out_in_both_families(closed_run: Results) -> None:
    assert "container's address" not in closed_run["SEC-NET-001"]["reason"]
    assert "(published-on-ipv6)" in closed_run["SEC-NET-001"]["reason"]
    assert "leaks-over-ipv6" not in closed_run["SEC-NET-003"]["reason"]
    assert "leaks-by-masquerade" in closed_run["SEC-NET-003"]["reason"]


def test_an_edge_that_does_not_run_leaves_the_question_open(edgeless_run: Results) -> None:
    result = edgeless_run["SEC-NET-001"]

    assert result["outcome"] == "INCONCLUSIVE", result
    assert "edge, which is the edge, does not run" in result["reason"]
