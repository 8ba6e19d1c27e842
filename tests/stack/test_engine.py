"""The engine is found and left alone, or installed, or its lack is told in one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from stack import debian, engine
from stack.engine import ensure_engine, find_engine, numbers
from stack.errors import UserError
from stack.progress import Progress
from tests.stack.fake_programs import FakePrograms, programs

__all__ = ["programs"]
QUIET = Progress(quiet=True)


def docker(version: str = "26.1.5", compose: str = "2.26.1-4", buildx: str = "0.13.1") -> str:
    """Return a docker client whose engine answers; a plug-in with an empty version is not there."""
    info = json.dumps({"ServerVersion": version, "DockerRootDir": "/var/lib/docker"})
    plugins = "".join(
        f'"{name} version") {f"echo {name.title()} version v{found}" if found else "exit 1"};;\n'
        for name, found in (("compose", compose), ("buildx", buildx))
    )
    return f"case \"$1 $2\" in\n'info --format') echo '{info}';;\n{plugins}'context inspect') echo unix:///run/d.sock;;\nesac"


NO_ENGINE = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'


@pytest.fixture(autouse=True)
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may touch the machine, whoever runs it."""
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    monkeypatch.delenv("DOCKER_HOST", raising=False)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("26.1.5+dfsg1", (26, 1, 5)), ("v2.26.1-4", (2, 26, 1)), ("0.13.1+ds1", (0, 13, 1)), ("dev", ()), ("", ())],
)
def test_a_version_is_compared_by_its_leading_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert numbers(version) == expected


def test_without_a_client_there_is_no_engine(programs: FakePrograms) -> None:
    assert find_engine() is None


def test_a_client_alone_is_no_engine(programs: FakePrograms) -> None:
    programs.add("docker", NO_ENGINE)

    assert find_engine() is None


def test_an_engine_that_answers_is_found_with_its_plugins(programs: FakePrograms) -> None:
    programs.add("docker", docker())

    found = ensure_engine(QUIET)

    assert (found.version, found.compose, found.buildx) == ("26.1.5", "2.26.1-4", "0.13.1")
    assert found.is_local and found.socket == Path("/run/d.sock")


def test_an_engine_that_answers_is_only_looked_at(programs: FakePrograms) -> None:
    programs.add("docker", docker())
    programs.add("apt-get", "exit 0")
    programs.add("dockerd", "exit 0")

    ensure_engine(QUIET)

    assert {call.split()[1] for call in programs.calls} == {"info", "compose", "buildx", "context"}


def test_no_engine_and_not_root_is_one_sentence(programs: FakePrograms) -> None:
    programs.add("docker", NO_ENGINE)

    with pytest.raises(UserError, match="not root: start one, point DOCKER_HOST at one, or run as root"):
        ensure_engine(QUIET)


def test_a_socket_that_this_user_may_not_use_is_told(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.add("docker", NO_ENGINE)
    monkeypatch.setattr(engine, "endpoint", lambda: f"unix://{tmp_path / 's'}")
    monkeypatch.setattr(engine.os, "access", lambda *_: False)

    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(UserError, match="may not use the Docker engine's socket .*: join its group, or run as root"):
            ensure_engine(QUIET)


def test_no_engine_where_none_may_be_installed_is_one_sentence(programs: FakePrograms) -> None:
    with pytest.raises(UserError, match="`make readiness` installs one"):
        ensure_engine(QUIET, install=False)


def test_a_docker_host_that_does_not_answer_is_named_and_nothing_installed(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("docker", NO_ENGINE)
    programs.add("apt-get", "exit 0")
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    with pytest.raises(UserError, match="at DOCKER_HOST=tcp://127.0.0.1:1"):
        ensure_engine(QUIET)

    assert not any(call.startswith("apt-get") for call in programs.calls)


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (docker(version="20.10.24"), "engine is 20.10.24, and 25.0 is needed"),
        (docker(compose=""), "docker-compose: run this as root"),
        (docker(buildx=""), "docker-buildx: run this as root"),
        (docker(compose="2.17.3"), "compose is 2.17.3, and 2.20 is needed"),
    ],
)
def test_an_engine_that_is_too_old_or_lacks_a_plugin_is_told(programs: FakePrograms, client: str, says: str) -> None:
    programs.add("docker", client)
    programs.add("apt-get", "exit 0")

    with pytest.raises(UserError, match=says):
        ensure_engine(QUIET)


def test_root_without_apt_is_told_to_install_docker(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "_daemon", lambda: None)

    with pytest.raises(UserError, match="no apt-get to install one: install Docker 25"):
        ensure_engine(QUIET)


def test_an_engine_that_ends_as_it_starts_is_told_with_its_last_words(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.add("docker", NO_ENGINE)
    programs.add("dockerd", 'echo "failed to start daemon: no iptables" >&2; exit 1')
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "LOG_FILE", tmp_path / "dockerd.log")
    monkeypatch.setattr(engine, "SYSTEMD", tmp_path / "absent")
    monkeypatch.setattr(engine, "PID_FILES", {})

    with pytest.raises(UserError, match="ended as it started: failed to start daemon: no iptables"):
        ensure_engine(QUIET)


def test_the_number_of_a_dead_engine_does_not_keep_the_next_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Pid:"))
    files = {"dockerd": tmp_path / "docker.pid", Path("/proc/self/comm").read_text().strip(): tmp_path / "other.pid"}
    for file in files.values():
        file.write_text(mine)
    monkeypatch.setattr(engine, "PID_FILES", files)

    engine._forget_the_dead()

    assert [file.name for file in files.values() if file.exists()] == ["other.pid"]


def test_an_engine_that_ended_and_that_nobody_has_reaped_is_dead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "docker.pid"
    with subprocess.Popen(["sleep", "60"]) as process:
        file.write_text(str(process.pid))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie until the block's end
        monkeypatch.setattr(engine, "PID_FILES", {"sleep": file})

        engine._forget_the_dead()

    assert not file.exists()


def test_an_installed_engine_gets_a_hardened_configuration_before_its_package(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "DAEMON_FILE", tmp_path / "docker" / "daemon.json")
    monkeypatch.setattr(engine, "MARK_FILE", tmp_path / "docker" / "installed-by-seatrial")
    monkeypatch.setattr(engine, "_daemon", lambda: None)
    monkeypatch.setattr(debian, "is_debian_like", lambda: True)
    monkeypatch.setattr(engine, "_install", lambda *_, **__: seen.append(engine.DAEMON_FILE.exists()))

    with pytest.raises(UserError, match="there is no dockerd"):
        ensure_engine(QUIET)

    assert seen == [True]
    assert json.loads(engine.DAEMON_FILE.read_text())["no-new-privileges"] is True


BOOKWORM = {"docker.io": "20.10.24+dfsg1-1", "docker-compose": "1.29.2-3"}
TRIXIE = {
    "docker.io": "26.1.5+dfsg1-9",
    "docker-cli": "26.1.5+dfsg1-9",
    "docker-compose": "2.26.1-4",
    "docker-buildx": "0.13.1+ds1-3",
}
UBUNTU = {"docker.io": "27.5.1-0ubuntu3", "docker-compose-v2": "2.33.0", "docker-buildx": "0.20.1"}


@pytest.mark.parametrize(
    ("offers", "distribution", "installed", "newer"),
    [
        (TRIXIE, "debian", ["docker.io", "docker-cli", "docker-compose", "docker-buildx"], False),
        (UBUNTU, "ubuntu", ["docker.io", "docker-compose-v2", "docker-buildx"], False),
        (
            BOOKWORM,
            "debian",
            ["docker.io/trixie", "docker-cli/trixie", "docker-compose/trixie", "docker-buildx/trixie"],
            True,
        ),
    ],
    ids=["trixie", "ubuntu", "bookworm"],
)
def test_packages_come_from_the_hosts_own_release_where_that_is_new_enough(
    monkeypatch: pytest.MonkeyPatch, offers: dict[str, str], distribution: str, installed: list[str], newer: bool
) -> None:
    asked: list[str] = []
    added: list[bool] = []
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "is_debian_like", lambda: True)
    monkeypatch.setattr(debian, "candidate", offers.get)
    monkeypatch.setattr(debian, "release", lambda: {"ID": distribution})
    monkeypatch.setattr(debian, "add_newer_release", lambda *_: added.append(True))
    monkeypatch.setattr(debian, "install", lambda packages, *_, **__: asked.extend(packages))

    engine._install(["docker.io", "docker-cli", *engine.PLUGINS.values()], QUIET, why="a stack")

    assert asked == installed
    assert bool(added) is newer


def test_an_old_release_of_another_distribution_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "is_debian_like", lambda: True)
    monkeypatch.setattr(debian, "candidate", {"docker.io": "20.10.7-0ubuntu5"}.get)
    monkeypatch.setattr(debian, "release", lambda: {"ID": "ubuntu"})

    with pytest.raises(UserError, match="Docker packages are older than 25, so install Docker by hand"):
        engine._install(["docker.io", *engine.PLUGINS.values()], QUIET, why="a stack")
