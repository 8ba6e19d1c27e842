"""A part of the real stack beside whatever else runs: up, serving, attached to, cut short by signals, and gone without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from stack.driver import PROJECT_LABEL, Driver
from stack.errors import NoEngine
from stack.project import COMPOSE_FILE, ROOT, environment, state_dir
from stack.waiting import eventually

PROJECT = f"st-stack-{os.getpid()}"
OFFSET = 22000
SERVICES = ("nginx", "server-blue", "monerod", "monero-wallet-rpc-buyer")
BESIDE = ("--project", PROJECT, "--offset", str(OFFSET), "--no-build")


@pytest.fixture
def engine() -> Iterator[Driver]:
    """The engine, seen from a project of our own that is gone afterwards."""
    try:
        driver = Driver.connect(PROJECT, [COMPOSE_FILE], env=environment(PROJECT, OFFSET))
    except NoEngine as error:
        pytest.skip(str(error))
    yield driver
    stack("down", "--project", PROJECT)


def stack(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)


def left(driver: Driver) -> dict[str, Sequence[object]]:
    """What the engine and the firewall still have of the project; empty when it is gone."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False, timeout=10).stdout
    found: dict[str, Sequence[object]] = {
        "containers": driver.containers(all=True),
        "networks": driver.networks(),
        "volumes": driver.volumes(),
        "rules": [line for line in rules.splitlines() if f"seatrial:{PROJECT}" in line],
        "secrets": list((state_dir(PROJECT) / "secrets").glob("*")),
    }
    return {kind: things for kind, things in found.items() if things}


def test_a_part_of_the_stack_comes_up_beside_another_serves_and_is_gone(engine: Driver) -> None:
    began = stack("up", *BESIDE, "--services", *SERVICES)

    assert began.returncode == 0, began.stderr
    with requests.Session() as session:
        session.verify = str(state_dir(PROJECT) / "tls" / "ca.crt")
        answer = session.get(f"http://127.0.0.1:{8080 + OFFSET}/health", timeout=5)
    assert answer.json()["status"] == "alive"
    assert {attrs["Config"]["Labels"][PROJECT_LABEL] for attrs in engine.containers()} == {PROJECT}

    ended = stack("down", "--project", PROJECT)
    assert ended.returncode == 0, ended.stderr
    assert left(engine) == {}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("moment", ["keys, secrets", "starting"])
def test_a_signal_during_the_bring_up_leaves_nothing(
    engine: Driver, number: signal.Signals, code: int, moment: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    argv = [sys.executable, "-m", "stack", "up", *BESIDE, "--services", *SERVICES]
    with said.open("w") as stream, subprocess.Popen(argv, cwd=ROOT, stderr=stream, stdout=stream) as process:
        eventually(
            lambda: moment in said.read_text() or (moment == "starting" and bool(engine.containers(all=True))),
            within=timedelta(seconds=60),
            every=timedelta(milliseconds=20),
            what=f"the bring-up is at {moment}",
        )
        process.send_signal(number)
        ended = process.wait(60)

    assert ended == code, said.read_text()
    assert "nothing was left behind" in said.read_text()
    assert left(engine) == {}


def test_a_taken_port_is_one_sentence_and_nothing_is_started(engine: Driver) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 443 + OFFSET))
        other.listen()

        answer = stack("up", *BESIDE, "--services", "nginx")

    assert answer.returncode == 4
    assert f"port {443 + OFFSET}, which nginx needs, is taken by" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert left(engine) == {}
