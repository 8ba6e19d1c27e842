"""Against a real engine: of a stranger's stack what can be started is there to be judged, the rest is told why, and all of it goes again."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stack.copy import Copy, start_copy
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.progress import Progress
from stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
BASE, PYTHON = "seatrial/base:local", "seatrial/python:local"
COMPOSE = f"""
services:
  shop:
    image: {PYTHON}
    user: "10001:10001"
    command: python3 -m http.server 8080
    ports: ["80:8080"]
    networks: [front]
    depends_on: {{cellar: {{condition: service_started}}, sick: {{condition: service_started}}}}
  cellar:
    image: {BASE}
    command: sleep 600
    init: true
    container_name: cellar
    volumes: ["./data:/data", "state:/state"]
    networks: {{front: {{ipv4_address: 172.31.97.5}}}}
  sick:
    image: {BASE}
    command: sleep 600
    init: true
    networks: [front]
    healthcheck: {{test: "echo the cable is cut; exit 1", interval: 1s, retries: 2}}
  waits: {{image: {BASE}, command: sleep 600, networks: [front], depends_on: {{sick: {{condition: service_healthy}}}}}}
  gone: {{image: "registry.invalid/nobody/nothing:1", networks: [front]}}
  broken: {{image: {BASE}, command: [/no/such/program], networks: [front]}}
  crashes: {{image: {BASE}, command: sh -c 'echo out of luck; exit 3', networks: [front]}}
  seed: {{image: {BASE}, command: "true", networks: [front]}}
  seeded: {{image: {BASE}, command: sleep 600, init: true, networks: [front], depends_on: {{seed: {{condition: service_completed_successfully}}}}}}
  mighty: {{image: {BASE}, command: sleep 600, privileged: true, networks: [front]}}
networks: {{front: {{ipam: {{config: [{{subnet: 172.31.97.0/24}}]}}}}}}
volumes: {{state: {{name: precious}}}}
"""


def images_are_there() -> bool:
    try:
        driver = Driver.connect("none", ())
        return bool(driver.image(BASE) and driver.image(PYTHON))
    except CannotTell:
        return False


pytestmark = pytest.mark.skipif(
    not images_are_there(), reason=f"needs an engine with {BASE} and {PYTHON} (make images)"
)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Copy, str]]:
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "data").mkdir()
    stack = Stack.load([folder / "compose.yaml"], project="st-theirs")
    said = io.StringIO()
    copied = start_copy(stack, Progress(said, live=False))
    try:
        yield stack, copied, said.getvalue()
    finally:
        copied.remove()
    assert leftovers(copied.driver.project) == ""
    assert not copied.folder.exists()


def leftovers(project: str) -> str:
    """What of a project the engine still holds."""
    names = ""
    for what in ("ps -a", "network ls", "volume ls"):
        argv = ["docker", *what.split(), "-q", "--filter", f"label=com.docker.compose.project={project}"]
        names += subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout
    return names


def test_what_can_be_started_runs(started: tuple[Stack, Copy, str]) -> None:
    stack, _, _ = started

    assert {container.service for container in stack.containers()} == {"shop", "cellar", "sick", "seeded"}
    assert stack.project.startswith("st-theirs-seatrial-copy-")


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("gone", "its image can't be pulled: "),
        ("broken", "/no/such/program"),
        ("crashes", "it ended with code 3: out of luck"),
        ("waits", "it waits for sick, which is unhealthy: the cable is cut"),
        ("mighty", "it is privileged"),
    ],
)
def test_what_can_not_be_started_is_told_why(started: tuple[Stack, Copy, str], service: str, reason: str) -> None:
    stack, _, said = started

    assert reason in stack.absent[service]
    assert f"{service}: {stack.absent[service]}" in said
    with pytest.raises(CannotTell, match=f"{service} is not running: "):
        stack.container(service)


def test_what_is_unhealthy_runs_and_is_told(started: tuple[Stack, Copy, str]) -> None:
    stack, _, said = started

    assert "sick" not in stack.absent
    assert "sick: it is unhealthy: the cable is cut" in said


def test_its_ports_are_free_ones_on_loopback(started: tuple[Stack, Copy, str]) -> None:
    stack, _, _ = started

    address, port = stack.published("shop", 8080)
    assert address == "127.0.0.1"
    assert port != 80


def test_no_folder_of_the_host_is_written_and_no_volume_of_the_original(started: tuple[Stack, Copy, str]) -> None:
    stack, _, _ = started
    cellar = stack.container("cellar")

    assert cellar.exec(["touch", "/data/x"]).code != 0
    assert cellar.exec(["touch", "/state/x"]).ok
    assert list((stack.compose_files[0].parent / "data").iterdir()) == []
    assert {volume["Name"] for volume in stack.driver.volumes()} == {f"{stack.project}_state"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_it_starts_leaves_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  slow: {{image: {BASE}, command: sleep 600, init: true, healthcheck: {{test: 'exit 1', interval: 1s, retries: 900}}}}\n"
        f"  waits: {{image: {BASE}, command: sleep 600, depends_on: {{slow: {{condition: service_healthy}}}}}}\n"
    )
    words = ["suites/security/test_runtime_privileges.py", "-q", "-p", "no:cacheprovider", "--up"]
    words += ["--reports", str(tmp_path / "out"), "--compose-file", str(tmp_path / "compose.yaml")]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COMPOSE_PROJECT_NAME": "st-slow"},
    ) as process:
        project = f"st-slow-seatrial-copy-{process.pid}"

        def is_starting() -> bool:
            return bool(leftovers(project)) or process.poll() is not None

        try:
            eventually(
                is_starting, within=timedelta(seconds=90), every=timedelta(milliseconds=100), what="its first container"
            )
            process.send_signal(signal.Signals[name])
            said, _ = process.communicate(timeout=90)
        finally:
            process.kill()

    assert process.returncode == 2, said
    assert "Traceback" not in said
    assert leftovers(project) == ""
