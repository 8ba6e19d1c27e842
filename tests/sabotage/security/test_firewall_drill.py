"""Why: the firewall drill must find each way in which ufw is set up and lets things in all the same, in either address family."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from suites.security import host_drill

ROOT = Path(__file__).parents[3]
UP = "python3 -m stack.ops host-firewall up"
ALONE = "for port in 22 80 443; do ufw allow $port/tcp; done; ufw --force enable"
CHECK = "suites/security/test_firewall.py"


@pytest.fixture(scope="module", autouse=True)
def _can_be_drilled() -> None:
    if os.geteuid() != 0:
        pytest.skip("the firewall drill needs root")
    try:
        Driver.connect("st-firewall-drill", ()).image(host_drill.IMAGE)
    except (NoEngine, CannotTell) as error:
        pytest.skip(str(error))


def drilled(folder: Path, command: str) -> dict[str, Any]:
    """What the check says of a command that sets up a firewall, for a stack of one container that does nothing."""
    (folder / "compose.yaml").write_text(
        "services: {still: {image: 'seatrial/python:local', init: true, command: [sleep, '600']}}\n"
    )
    (folder / "profile.toml").write_text(
        f"[host_firewall]\npass = [22, 80, 443]\nstop = [8080, 18082]\nfolder = {json.dumps(str(ROOT / 'stack'))}\n"
        f"command = ['sh', '-c', {json.dumps(command)}]\n"
    )
    argv = [sys.executable, "-m", "pytest", CHECK, "-q", "-p", "no:cacheprovider", "--reports", str(folder / "reports")]
    argv += ["--compose-file", str(folder / "compose.yaml"), "--profile", str(folder / "profile.toml")]
    done = subprocess.run([*argv, "--up"], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    found = sorted((folder / "reports").rglob("results.json"))
    assert found, f"the run left no results:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    (result,) = json.loads(found[-1].read_text())["results"]
    return dict(result)


def test_our_rules_pass_the_drill_and_outlive_a_reload(tmp_path: Path) -> None:
    result = drilled(tmp_path, f"{UP} && ufw reload")

    assert result["outcome"] == "PASS", result


@pytest.mark.parametrize(
    ("command", "said", "never"),
    [
        pytest.param(ALONE, ["198.51.100.1:8080/tcp (a published port) answers", "[2001:db8::1]:18082/tcp (a published port) answers"], "own program", id="ufw without the rules for published ports"),
        pytest.param(f"{UP}; ip6tables -D DOCKER-USER -j seatrial-host", ["[2001:db8::1]:8080/tcp (a published port) answers"], "198.51.100", id="IPv6 forgotten"),
        pytest.param(f"{UP}; ufw disable", ["198.51.100.10:8080/tcp (the host's own program) answers", "[2001:db8::1]:8080/tcp (a published port) answers"], "is silent", id="ufw off"),
        pytest.param(f"{UP} --pass 22", ["198.51.100.1:443/tcp (a published port) is silent, expected to answer"], "to be stopped", id="the edge closed too"),
    ],
)  # fmt: skip
def test_what_rules_leave_open_or_close_too_much_is_found(
    tmp_path: Path, command: str, said: list[str], never: str
) -> None:
    result = drilled(tmp_path, command)

    assert (result["id"], result["outcome"]) == ("SEC-NET-004", "FAIL"), result
    text = json.dumps(result["reason"], ensure_ascii=False)
    assert [part for part in said if part not in text] == []
    assert never not in text


def test_a_command_that_fails_is_inconclusive(tmp_path: Path) -> None:
    result = drilled(tmp_path, "echo no such rule >&2; exit 1")

    assert result["outcome"] == "INCONCLUSIVE"
    assert "no such rule" in str(result["reason"])
