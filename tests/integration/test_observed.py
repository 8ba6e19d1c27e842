"""Against a real engine: what the kernel shows of a container is what was asked for, by both ways of looking."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.driver import Completed, Driver
from stack.errors import CannotTell, NoEngine
from stack.model import Container, Stack
from stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "seatrial/base:local"
PROJECT = f"st-core-{os.getpid()}"
COMPOSE = f"""
services:
  hard:
    image: {IMAGE}
    user: "12345:12346"
    init: true
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
    command: sleep 600
    stop_grace_period: 1s
    ports: ["127.0.0.1:24080:8080"]
  soft:
    image: {IMAGE}
    init: true
    command: sleep 600
    stop_grace_period: 1s
"""


def image_is_there() -> bool:
    try:
        Driver.connect("none", ()).image(IMAGE)
    except CannotTell:
        return False
    return True


pytestmark = pytest.mark.skipif(not image_is_there(), reason=f"needs an engine with {IMAGE} (make up builds it)")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    file = tmp_path_factory.mktemp("project") / "compose.yaml"
    file.write_text(COMPOSE)
    stack = Stack.load([file], project=PROJECT)
    try:
        stack.driver.compose("up", "--detach", "--pull", "never")
        yield stack
    finally:
        stack.driver.compose("down", "--volumes", "--timeout", "1")


def test_a_hardened_container_shows_as_hardened(stack: Stack) -> None:
    processes = stack.container("hard").processes()

    assert {process.uid for process in processes} == {12345}
    assert {process.gid for process in processes} == {12346}
    assert {process.effective_capabilities for process in processes} == {frozenset()}
    assert all(process.no_new_privileges and process.seccomp == 2 for process in processes)
    assert "sleep" in {process.name for process in processes}


def test_a_soft_container_shows_as_soft(stack: Stack) -> None:
    container = stack.container("soft")

    assert container.process_uids() == {0}
    assert "CHOWN" in container.processes()[0].effective_capabilities


def test_limits_in_force_are_those_asked_for(stack: Stack) -> None:
    limits = stack.container("hard").cgroup_limits()

    assert (limits.memory_bytes, limits.cpu_quota, limits.pids) == (64 * 1024**2, 0.5, 50)


def test_both_ways_of_looking_see_the_same(stack: Stack) -> None:
    container = stack.container("hard")

    inside = container._processes_inside()

    assert {(p.name, p.uid, p.effective_capabilities, p.seccomp) for p in inside} >= {
        (p.name, p.uid, p.effective_capabilities, p.seccomp) for p in container.processes()
    }
    assert set(container._cgroup_inside()) == set(container._cgroup_here())


def test_a_socket_that_is_opened_is_seen(stack: Stack) -> None:
    container = stack.container("soft")
    assert container.listening() == []

    with stack_helper(stack.driver, container):
        found = eventually(container.listening, within=timedelta(seconds=10), every=timedelta(milliseconds=100))

    assert [(socket.address, socket.port, socket.protocol) for socket in found] == [("0.0.0.0", 4321, "tcp")]


class stack_helper:
    """A helper container in the network namespace of another, listening on 4321."""

    def __init__(self, driver: Driver, container: Container) -> None:
        """Nothing is started yet."""
        self.driver, self.container, self.id = driver, container, ""

    def __enter__(self) -> str:
        """Start it."""
        script = (
            "use Socket; socket(S,AF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(4321,INADDR_ANY)); listen(S,1); sleep 60"
        )
        started = self.driver.run_helper(
            ["perl", "-e", script], image=IMAGE, network=f"container:{self.container.id}", detach=True
        )
        self.id = str(started)
        return self.id

    def __exit__(self, *error: object) -> None:
        """Remove it."""
        self.driver.remove(self.id)


def test_published_ports_lead_to_the_host(stack: Stack) -> None:
    assert stack.published("hard", 8080) == ("127.0.0.1", 24080)
    with pytest.raises(CannotTell, match="hard publishes no 9999/tcp"):
        stack.published("hard", 9999)


def test_a_command_gives_its_streams_and_code(stack: Stack) -> None:
    done = stack.container("hard").exec(["sh", "-c", "cat; echo e >&2; exit 7"], stdin=b"in" * 100_000)

    assert (done.code, done.stdout, done.stderr) == (7, "in" * 100_000, "e\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [(["no-such-program"], "cannot be run"), (["sleep", "60"], "did not end within 1 s")],
)
def test_a_command_that_can_not_be_judged_is_an_open_question(stack: Stack, argv: list[str], message: str) -> None:
    container = stack.container("hard")

    with pytest.raises(CannotTell, match=message):
        container.exec(argv, timeout_seconds=1)

    def is_gone() -> bool:
        return tuple(argv) not in {process.cmdline for process in container.processes()}

    assert eventually(is_gone, within=timedelta(seconds=5), every=timedelta(milliseconds=50))


def test_a_command_that_itself_ends_with_127_is_an_answer(stack: Stack) -> None:
    assert stack.container("hard").exec(["sh", "-c", "exit 127"]).code == 127


def test_a_stopped_container_is_an_open_question(stack: Stack) -> None:
    container = stack.container("soft")
    since = datetime.now(UTC)
    stack.driver.stop(container.id, grace_seconds=1)

    try:
        with pytest.raises(CannotTell, match="soft is not running"):
            stack.container("soft")
        with pytest.raises(CannotTell):
            container.exec(["true"])
        with pytest.raises(CannotTell):
            container.refreshed().processes()
        actions = [event["Action"] for event in stack.driver.events(since, datetime.now(UTC))]
        assert "stop" in actions
    finally:
        stack.driver.start(container.id)


def test_helpers_are_bounded_and_leave_nothing(stack: Stack) -> None:
    done = stack.driver.run_helper(["id", "-u"], image=IMAGE, user="4242")
    assert isinstance(done, Completed)
    assert done.stdout == "4242\n"

    with pytest.raises(CannotTell, match="did not end within 1 s"):
        stack.driver.run_helper(["sleep", "60"], image=IMAGE, timeout_seconds=1)
    with pytest.raises(CannotTell, match="No such image"):
        stack.driver.run_helper(["true"], image="seatrial/no-such-image:local")

    assert stack.driver.remove_helpers() == []


def test_nothing_outside_the_project_is_listed(stack: Stack) -> None:
    assert {container.service for container in stack.containers()} == {"hard", "soft"}
    assert {network["Name"] for network in stack.driver.networks()} == {f"{PROJECT}_default"}


def test_a_testinfra_host_reaches_the_container(stack: Stack) -> None:
    assert stack.driver.host(stack.container("hard").id).check_output("id -u") == "12345"


def test_no_engine_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    with pytest.raises(NoEngine, match="no Docker engine answers at unix:///nonexistent/docker.sock"):
        Driver.connect("x", ())


CHECK = """
from pathlib import Path
from suites.check import Area, Impact, Level, Severity, check
from stack.waiting import pause

@check("SEC-TRY-001", title="It holds", area=Area.SECURITY, severity=Severity.LOW, level=Level.OBSERVED,
       impact=Impact.DESTRUCTIVE, rationale="A reason.", remediation="A remedy.")
def test_holds(stack):
    container = stack.container("app")
    assert container.process_uids() == {1234}
    Path(__file__).with_name("reached").touch()
    if Path(__file__).with_name("wait").exists():
        pause(60)
"""
COPIED = f"""
services:
  app: {{image: '{IMAGE}', user: '1234', init: true, command: sleep 600, container_name: st-core-fixed,
        ports: ['24081:80'], volumes: ['data:/d'], stop_grace_period: 1s}}
  gone: {{image: 'seatrial/no-such-image:local', pull_policy: never}}
  needs-gone: {{image: '{IMAGE}', command: sleep 600, depends_on: {{gone: {{condition: service_healthy}}}}}}
volumes: {{data: {{name: st-core-precious}}}}
"""


def pytest_argv(folder: Path) -> list[str]:
    (folder / "test_try.py").write_text(CHECK)
    (folder / "compose.yaml").write_text(COPIED)
    argv = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    argv += [
        "-p",
        "suites.session",
        "-p",
        "suites.collection",
        "-p",
        "reports.plugin",
        "--reports",
        str(folder / "out"),
    ]
    return [*argv, "-p", "no:cacheprovider", "test_try.py", "--compose-file", "compose.yaml", "--up"]


def leftovers(folder: Path) -> str:
    """Everything of a copy that the engine still has."""
    name = f"label=com.docker.compose.project.working_dir={folder}"
    lists = [["ps", "--all", "--filter", name], ["volume", "ls", "--filter", f"name={folder.name}"]]
    lists += [
        ["network", "ls", "--filter", f"name={folder.name}"],
        ["volume", "ls", "--filter", "name=st-core-precious"],
    ]
    found = [
        subprocess.run(["docker", *argv, "--quiet"], capture_output=True, text=True, check=True).stdout
        for argv in lists
    ]
    return "".join(found)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_isolated_copy_runs_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        pytest_argv(tmp_path), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert (tmp_path / "reached").exists()
    assert "gone: its image can't be pulled: its pull_policy forbids it" in said
    assert "needs-gone: it waits for gone, which is left out" in said
    assert leftovers(tmp_path) == ""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_unwinds_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    import signal

    before = set(leftovers(tmp_path).split())  # of a session that was killed
    (tmp_path / "wait").touch()
    process = subprocess.Popen(
        pytest_argv(tmp_path),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        reached = tmp_path / "reached"
        eventually(
            reached.exists, within=timedelta(seconds=60), every=timedelta(milliseconds=100), what="the check runs"
        )

        process.send_signal(signal.Signals[name])
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 2, said
    assert set(leftovers(tmp_path).split()) <= before
    assert list((tmp_path / "out").glob("*/results.json"))


def test_attaching_looks_and_does_not_touch(stack: Stack, tmp_path: Path) -> None:
    argv = [word for word in pytest_argv(tmp_path) if word != "--up"]
    before = {container.id for container in stack.containers()}

    done = subprocess.run(
        [*argv[: argv.index("--compose-file")], "--attach", PROJECT],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    said = " ".join((done.stdout + done.stderr).split())
    assert f"{PROJECT} was attached to, where destructive checks run only with --attach {PROJECT} --allow destructive {PROJECT}" in said
    assert not (tmp_path / "reached").exists()
    assert {container.id for container in stack.containers()} == before


def test_a_copy_whose_session_was_killed_is_taken_down_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    process = subprocess.Popen(
        pytest_argv(tmp_path), cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    reached = tmp_path / "reached"
    eventually(reached.exists, within=timedelta(seconds=60), every=timedelta(milliseconds=100), what="the check runs")
    process.kill()
    process.wait()
    assert leftovers(tmp_path) != ""
    (tmp_path / "wait").unlink()

    subprocess.run(
        pytest_argv(tmp_path), cwd=tmp_path, env=environment(), capture_output=True, check=False, timeout=120
    )

    assert leftovers(tmp_path) == ""
