"""Finds a Docker engine, or installs and starts one, so that a fresh machine needs nothing but root and python3.

Standard library only: it runs before the virtual environment exists. An engine that somebody else installed is used and
never changed; one that set-up installs gets a daemon.json that a hardened host would have (`DAEMON`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from stack import debian
from stack.command import run
from stack.errors import CannotTell, UserError
from stack.progress import Progress
from stack.waiting import eventually

# start_interval of a health check needs engine 25 (Docker's release notes); compose 2.20 brought `include`.
ENGINE_AT_LEAST = (25, 0)
COMPOSE_AT_LEAST = (2, 20)
PLUGINS = {"compose": "docker-compose", "buildx": "docker-buildx"}

DAEMON_FILE = Path("/etc/docker/daemon.json")
MARK_FILE = Path("/etc/docker/installed-by-seatrial")
LOG_FILE = Path("/var/log/dockerd.log")
# Exists where systemd runs the machine (sd_booted(3)).
SYSTEMD = Path("/run/systemd/system")
# Where the engine and its containerd keep their process ids.
PID_FILES = {"dockerd": Path("/var/run/docker.pid"), "containerd": Path("/var/run/docker/containerd/containerd.pid")}
LOCAL_SOCKET = "unix:///var/run/docker.sock"
DAEMON: Mapping[str, Any] = {
    # CIS Docker Benchmark 1.6, section 2: containers survive a restart of the engine; none talks to another on the
    # default bridge; ports are published by rules and not by a process; privileges are not regained by setuid.
    "live-restore": True,
    "icc": False,
    "userland-proxy": False,
    "no-new-privileges": True,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
}


@dataclass(frozen=True)
class Engine:
    """The engine that answers, and the client it is asked with."""

    version: str
    compose: str | None
    buildx: str | None
    endpoint: str
    root: str
    installed_by_us: bool

    @property
    def is_local(self) -> bool:
        """Whether it is reached by a socket of this machine, so that its files and processes are here too."""
        return self.endpoint.startswith("unix://")

    @property
    def socket(self) -> Path | None:
        """The path of its socket, where it is local."""
        return Path(self.endpoint.removeprefix("unix://")) if self.is_local else None

    @property
    def group_id(self) -> int:
        """The gid that may use its socket (0 where that is not known)."""
        with contextlib.suppress(OSError):
            return self.socket.stat().st_gid if self.socket else 0
        return 0


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, for comparing: `v2.26.1-4` → (2, 26, 1)."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, match[1].split("."))) if match else ()


def find_engine() -> Engine | None:
    """Return the engine that DOCKER_HOST, the current context or the local socket leads to; None when none answers."""
    if shutil.which("docker") is None:
        return None
    answer = run(["docker", "info", "--format", "{{json .}}"], within_seconds=20, merge=False)
    try:
        info: dict[str, Any] = json.loads(answer.output)
    except ValueError:
        return None
    version = info.get("ServerVersion")
    if not answer.ok or not version:
        return None
    return Engine(
        version=version,
        compose=plugin_version("compose"),
        buildx=plugin_version("buildx"),
        endpoint=endpoint(),
        root=info.get("DockerRootDir", ""),
        installed_by_us=MARK_FILE.exists(),
    )


def endpoint() -> str:
    """Return where the client looks for its engine: DOCKER_HOST, else the current context's host."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    answer = run(command, within_seconds=20, merge=False)
    return answer.output.strip() if answer.ok and answer.output.strip() else LOCAL_SOCKET


def plugin_version(plugin: str) -> str | None:
    """Return the version of the client's plug-in (`compose`, `buildx`); None when it has none.

    A docker client may be on the PATH without either, so that its presence tells nothing.
    """
    answer = run(["docker", plugin, "version"], within_seconds=20, merge=False)
    words = answer.output.replace(",", " ").split() if answer.ok else []
    return next((word.lstrip("v") for word in words if numbers(word)), None)


def ensure_engine(progress: Progress, *, install: bool = True) -> Engine:
    """Return an engine that is new enough, with compose and buildx; install and start one where that is allowed.

    Raises:
        UserError: there is none and none can be had, or it is too old: one sentence that says what to do.

    """
    engine = find_engine()
    if engine is None:
        if os.environ.get("DOCKER_HOST"):
            message = (
                f"no Docker engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}: start it, or unset the variable"
            )
            raise UserError(message)
        if not install:
            message = "no Docker engine answers: `make readiness` installs one on Debian or Ubuntu as root"
            raise UserError(message)
        engine = _obtain_engine(progress)
    if numbers(engine.version) < ENGINE_AT_LEAST:
        message = (
            f"the Docker engine is {engine.version}, and {'.'.join(map(str, ENGINE_AT_LEAST))} is needed: update it"
        )
        raise UserError(message)
    lacking = [name for name in PLUGINS if getattr(engine, name) is None]
    if lacking and install:
        _install([PLUGINS[name] for name in lacking], progress, why="a Docker client without its plug-ins")
        engine = find_engine() or engine
        lacking = [name for name in PLUGINS if getattr(engine, name) is None]
    if lacking:
        message = f"the Docker client lacks plug-ins: install {' and '.join(PLUGINS[name] for name in lacking)}"
        raise UserError(message)
    if numbers(engine.compose or "") < COMPOSE_AT_LEAST:
        message = f"docker compose is {engine.compose}, and {'.'.join(map(str, COMPOSE_AT_LEAST))} is needed: update it"
        raise UserError(message)
    return engine


def _obtain_engine(progress: Progress) -> Engine:
    """Start the engine that is installed but asleep, or install one first."""
    socket = Path(endpoint().removeprefix("unix://"))
    if socket.is_socket() and not os.access(socket, os.W_OK):
        message = f"this user may not use the Docker engine's socket {socket}: join its group, or run as root"
        raise UserError(message)
    if os.geteuid() != 0:
        message = "no Docker engine answers and this is not root: start one, point DOCKER_HOST at one, or run as root"
        raise UserError(message)
    if _daemon() is None:
        if not debian.is_debian_like():
            message = "no Docker engine answers and there is no apt-get to install one: install Docker 25 or newer"
            raise UserError(message)
        # Before the package, since its installation may start the engine at once.
        if not DAEMON_FILE.exists():
            DAEMON_FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            DAEMON_FILE.write_text(json.dumps(DAEMON, indent=2) + "\n", encoding="utf-8")
            MARK_FILE.write_text("Seatrial installed this engine and may restart it.\n", encoding="utf-8")
        _install(["docker.io", "docker-cli", *PLUGINS.values()], progress, why="bringing up a stack")
    return _start(progress)


def _install(packages: list[str], progress: Progress, *, why: str) -> None:
    """Install engine packages from the host's own release where that is new enough, else from trixie by name."""
    if os.geteuid() != 0 or not debian.is_debian_like():
        debian.install(packages, progress, why=why)
        return
    if debian.candidate("docker.io") is None:
        with progress.step("reading the package lists"):
            debian.update()
    own = [_own_name(package) for package in packages]
    if all(name is not None for name in own):
        debian.install([name for name in own if name], progress, why=why)
        return
    if debian.release().get("ID") != "debian":
        message = f"{why}: this release's Docker packages are older than {ENGINE_AT_LEAST[0]}, so install Docker by hand"
        raise UserError(message)
    debian.add_newer_release(progress)
    # What they depend on (containerd, runc, iptables) stays with apt: trixie's runc would need its libc too.
    debian.install([f"{name}/{debian.NEWER_RELEASE}" for name in packages], progress, why=why)


def _own_name(package: str) -> str | None:
    """Return what the host's own release calls `package`; empty where it needs none, None where it is too old."""
    if package == "docker-cli":
        # Ubuntu's docker.io holds the client too.
        return "docker-cli" if debian.candidate("docker-cli") else ""
    if package == PLUGINS["compose"] and debian.candidate("docker-compose-v2"):
        return "docker-compose-v2"
    at_least = {"docker.io": ENGINE_AT_LEAST, PLUGINS["compose"]: COMPOSE_AT_LEAST}.get(package, ())
    version = debian.candidate(package)
    return package if version and numbers(version.split(":")[-1]) >= at_least else None


def _daemon() -> str | None:
    """Return the path of dockerd; /usr/sbin need not be on the PATH."""
    return shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin:/usr/local/sbin:/sbin")


def _start(progress: Progress) -> Engine:
    """Start the installed engine, by systemd where that runs the machine, else as a process of its own session."""
    daemon = _daemon()
    if daemon is None:
        message = "the Docker packages are installed but there is no dockerd: look at apt's log"
        raise UserError(message)
    with progress.step("starting the Docker engine"):
        process: subprocess.Popen[bytes] | None = None
        if SYSTEMD.is_dir():
            run(["systemctl", "enable", "--now", "docker"], within_seconds=90)
        else:
            _forget_the_dead()
            with LOG_FILE.open("ab") as log:
                # A session of its own: the engine outlives this command, and the terminal's Ctrl-C never reaches it.
                process = subprocess.Popen(
                    [daemon],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd="/",
                    env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
                )

        def answers() -> Engine | None:
            if process is not None and process.poll() is not None:
                message = f"the Docker engine ended as it started: {_log_end()}"
                raise UserError(message)
            return find_engine()

        try:
            return eventually(answers, within=timedelta(seconds=60), every=timedelta(seconds=0.3), what="the engine")
        except (AssertionError, CannotTell) as error:
            message = f"the Docker engine was started and does not answer after 60 s: {_log_end()}"
            raise UserError(message) from error


def _forget_the_dead() -> None:
    """Remove the pid files of an engine that was killed: it takes whoever has that number now for itself, and gives up."""
    for name, file in PID_FILES.items():
        with contextlib.suppress(OSError, ValueError):
            if not _lives(int(file.read_text(encoding="ascii")), name):
                file.unlink()


def _lives(pid: int, name: str) -> bool:
    """Whether the process is there under this name. One that ended and that nobody has reaped yet (Z) is dead."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    comm, _, rest = facts.partition("(")[2].rpartition(")")
    return comm == name and rest.split()[0] not in {"Z", "X"}


def _log_end() -> str:
    """Return the last line of the engine's log that names a failure, without its time stamp."""
    with contextlib.suppress(OSError):
        lines = LOG_FILE.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        telling = [line for line in lines if "failed" in line or "level=fatal" in line or "error" in line]
        return (telling or lines or ["its log is empty"])[-1][:300]
    return f"see {LOG_FILE} or `journalctl -u docker`"
