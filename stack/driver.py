"""The only caller of the docker SDK and command line, so that every call has argument lists, a bound and one kind of error."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.completed import Completed, complete
from stack.errors import CannotTell, NoEngine, UserError

if TYPE_CHECKING:
    from docker.api import APIClient
    from testinfra.host import Host

__all__ = ["HELPER_LABEL", "PROJECT_LABEL", "SERVICE_LABEL", "Completed", "Driver", "complete"]

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
HELPER_LABEL = "seatrial.helper"
HELPER_IMAGE = "seatrial/faultbox:local"

_API_TIMEOUT_SECONDS = 30
_RUN_FAILED = (125, 126, 127)  # `docker run`: the engine refused, or the command could not be started


@dataclass(frozen=True)
class Driver:
    """The engine, seen from one compose project."""

    project: str
    compose_files: tuple[Path, ...]
    env: dict[str, str] = field(default_factory=dict)
    project_dir: Path = field(default_factory=Path.cwd)
    profiles: tuple[str, ...] = ()
    endpoint: str = ""

    @classmethod
    def connect(
        cls,
        project: str,
        compose_files: Sequence[Path],
        *,
        env: Mapping[str, str] | None = None,
        project_dir: Path | None = None,
        profiles: Sequence[str] = (),
    ) -> Driver:
        """Return a driver for `project` on the engine that DOCKER_HOST or the current context names.

        Raises:
            NoEngine: none answers within a few seconds.

        """
        files = tuple(Path(file).resolve() for file in compose_files)
        folder = project_dir or (files[0].parent if files else Path.cwd())
        driver = cls(project, files, dict(env or {}), folder, tuple(profiles), _endpoint())
        try:
            with _translated("asking the engine"):
                driver.api.ping()
        except NoEngine:
            raise
        except CannotTell as error:
            message = f"no Docker engine answers at {driver.endpoint}"
            raise NoEngine(message) from error
        return driver

    @functools.cached_property
    def api(self) -> APIClient:
        """The SDK's low-level client. Only this module and its neighbours in stack/ use it."""
        return _client(self.endpoint)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: everything but the connections, which it makes anew."""
        return {name: value for name, value in self.__dict__.items() if name != "api"}

    # ── the project, by compose ─────────────────────────────────────────────────────────────────────────────────────

    def compose(
        self,
        *args: str,
        timeout_seconds: float = 120,
        check: bool = True,
        stdin: bytes | None = None,
        keep_open: Sequence[int] = (),
    ) -> Completed:
        """Run `docker compose` on this project's files; `keep_open` as for `complete`.

        Raises:
            CannotTell: it did not end in time, or (with `check`) not with exit code 0.

        """
        argv = ["docker", "compose", "--project-name", self.project, "--project-directory", str(self.project_dir)]
        for file in self.compose_files:
            argv += ["--file", str(file)]
        for profile in self.profiles:
            argv += ["--profile", profile]
        env = os.environ | self.env
        done = complete([*argv, *args], timeout_seconds=timeout_seconds, env=env, stdin=stdin, keep_open=keep_open)
        if check and not done.ok:
            message = f"`docker compose {' '.join(args)[:120]}` ended with {done.code}: {done.last_words()}"
            raise CannotTell(message)
        return done

    def rendered(self) -> dict[str, Any]:
        """The compose files as `docker compose config` renders them (needs the command, no engine).

        Raises:
            UserError: compose refuses the files.

        """
        done = self.compose("config", "--format", "json", check=False, timeout_seconds=60)
        if not done.ok:
            message = f"docker compose refuses {self.compose_files[0]}: {done.last_words()}"
            raise UserError(message)
        tree: dict[str, Any] = json.loads(done.stdout)
        return tree

    # ── containers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def containers(self, *, all: bool = False, one_off: bool = False) -> list[dict[str, Any]]:
        """What `docker inspect` says of each container of the project; running ones unless `all`; sorted by name."""
        with _translated("listing containers"):
            listed = self.api.containers(all=all, filters={"label": [f"{PROJECT_LABEL}={self.project}"]})
        found = []
        for entry in listed:
            if not one_off and entry["Labels"].get(ONE_OFF_LABEL, "").lower() == "true":
                continue
            with contextlib.suppress(CannotTell):  # it may have gone since it was listed
                attrs = self.inspect(entry["Id"])
                if all or attrs["State"].get("Running"):  # the engine's list lags a moment behind a stop (measured)
                    found.append(attrs)
        return sorted(found, key=lambda attrs: attrs["Name"])

    def projects(self) -> set[str]:
        """The name of every compose project that has a container on the engine."""
        with _translated("listing projects"):
            listed = self.api.containers(all=True, filters={"label": [PROJECT_LABEL]})
        return {entry["Labels"][PROJECT_LABEL] for entry in listed}

    def container_ids(self, service: str, all: bool = False) -> list[str]:
        """The ids of a service's containers, the running ones unless `all`."""
        labels = [f"{PROJECT_LABEL}={self.project}", f"{SERVICE_LABEL}={service}"]
        with _translated("listing containers"):
            listed = self.api.containers(all=all, filters={"label": labels})
        return [e["Id"] for e in listed if e["Labels"].get(ONE_OFF_LABEL, "").lower() != "true"]

    def ports_of_others(self) -> set[tuple[int, str]]:
        """The host ports, with their protocols, that containers outside the project publish: theirs to answer for."""
        with _translated("listing containers"):
            listed = self.api.containers()
        others = [entry for entry in listed if entry["Labels"].get(PROJECT_LABEL) != self.project]
        ports = [port for entry in others for port in entry.get("Ports") or () if port.get("PublicPort")]
        return {(int(port["PublicPort"]), str(port["Type"])) for port in ports}

    def inspect(self, container_id: str) -> dict[str, Any]:
        """`docker inspect` of a container."""
        with _translated(f"inspecting container {container_id[:12]}"):
            attrs: dict[str, Any] = self.api.inspect_container(container_id)
            return attrs

    def image(self, ref: str) -> dict[str, Any]:
        """`docker image inspect`."""
        with _translated(f"inspecting image {ref}"):
            attrs: dict[str, Any] = self.api.inspect_image(ref)  # type: ignore[no-untyped-call]
            return attrs

    def has_image(self, ref: str) -> bool:
        """Whether the engine has an image by this name, digest or id."""
        from docker.errors import ImageNotFound

        with _translated(f"looking for image {ref}"):
            try:
                self.api.inspect_image(ref)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return False
            return True

    def derive_image(self, ref: str, dockerfile: str) -> None:
        """Make an image by a Dockerfile without a context, from images that are here (nothing is asked at a registry)."""
        argv = ["docker", "buildx", "build", "--load", "--provenance=false", "--tag", ref, "-"]
        done = complete(argv, timeout_seconds=2 * _API_TIMEOUT_SECONDS, stdin=dockerfile.encode())
        if not done.ok:
            message = f"the image {ref} can't be made: {done.last_words()}"
            raise CannotTell(message)

    def import_image(self, tar: bytes, ref: str, *, changes: Sequence[str] = ()) -> None:
        """Make an image of one layer out of a tar file's bytes; `changes` are lines of a Dockerfile such as `ENV A=b`."""
        more = [word for change in changes for word in ("--change", change)]
        done = complete(["docker", "import", *more, "-", ref], timeout_seconds=_API_TIMEOUT_SECONDS, stdin=tar)
        if not done.ok:
            message = f"the image {ref} can't be made: {done.last_words()}"
            raise CannotTell(message)

    def remove_image(self, ref: str) -> None:
        """Take an image away; one that is not there is as good as gone, one that something uses stays."""
        if not (done := complete(["docker", "image", "rm", ref], timeout_seconds=_API_TIMEOUT_SECONDS)).ok:
            gone = "No such image" in done.stderr
            if not gone and "conflict" not in done.stderr:
                message = f"the image {ref} can't be removed: {done.last_words()}"
                raise CannotTell(message)

    def image_history(self, ref: str) -> list[str]:
        """The commands that made an image, the newest first, as the engine kept them (`docker image history`)."""
        with _translated(f"reading the history of image {ref}"):
            steps: list[dict[str, Any]] = self.api.history(ref)  # type: ignore[no-untyped-call]
            return [str(step.get("CreatedBy") or "") for step in steps]

    def exec(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        stdin: bytes | None = None,
        timeout_seconds: float = 10,
        privileged: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command in a running container.

        Raises:
            CannotTell: the container is not running, has no such program, or the command did not end in time.

        """
        from stack.execution import execute

        with _translated(f"exec in {container_id[:12]}"):
            return execute(
                self.api,
                container_id,
                argv,
                user=user,
                stdin=stdin,
                timeout_seconds=timeout_seconds,
                privileged=privileged,
                local=self.is_local(),
                environment=dict(env) if env else None,
            )

    def run_helper(
        self,
        argv: Sequence[str],
        *,
        image: str = HELPER_IMAGE,
        network: str | None = None,
        pid: str | None = None,
        user: str = "0",
        cap_add: Sequence[str] = (),
        privileged: bool = False,
        mounts: Sequence[str] = (),
        detach: bool = False,
        timeout_seconds: float = 30,
        labels: Mapping[str, str] | None = None,
        volumes_from: str | Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        workdir: str | None = None,
        cgroupns: str | None = None,
    ) -> Completed | str:
        """Run a container of our own beside the project, labelled `seatrial.helper=<project>` and removed at its end.

        `network` and `pid` take `container:<id>` as docker does; `mounts` are in the syntax of `docker run --mount`.
        Returns what it answered, or its id when detached. Nothing is ever pulled for it.

        Raises:
            CannotTell: it could not be started or did not end in time.

        """
        name = f"seatrial-helper-{secrets.token_hex(6)}"
        args = ["docker", "run", "--rm", "--init", "--pull", "never", "--name", name, "--user", user]
        args += ["--label", f"{HELPER_LABEL}={self.project}"]
        for key, value in (labels or {}).items():
            args += ["--label", f"{key}={value}"]
        args += [f"--network={network}"] if network else []
        args += [f"--pid={pid}"] if pid else []
        args += [f"--cgroupns={cgroupns}"] if cgroupns else []
        args += ["--privileged"] if privileged else []
        args += [f"--cap-add={capability}" for capability in cap_add]
        for mount in mounts:
            args += ["--mount", mount]
        for source in [volumes_from] if isinstance(volumes_from, str) else volumes_from or ():
            args += ["--volumes-from", source]
        for key, value in (env or {}).items():
            args += ["--env", f"{key}={value}"]
        args += ["--workdir", workdir] if workdir else []
        args += ["--detach"] if detach else []
        args += ["--interactive"] if stdin is not None else []
        entry, *rest = argv
        args += ["--entrypoint", entry, image, *rest]
        try:
            done = complete(args, timeout_seconds=timeout_seconds, stdin=stdin)
        except BaseException:
            # The client is gone, the container may not be.
            with contextlib.suppress(CannotTell):
                self.remove(name)
            raise
        if done.code in _RUN_FAILED:
            message = f"a helper container could not run `{' '.join(argv)[:120]}`: {done.last_words()}"
            raise CannotTell(message)
        return done.stdout.strip() if detach else done

    def remove_helpers(self, **labels: str) -> list[str]:
        """Remove the project's helper containers that a killed session left behind; returns their names.

        With labels only those that carry all of them: helpers of one fault, while another's stand.
        """
        listed = self.helpers(**labels)
        for entry in listed:
            self.remove(entry["Id"])
        return [entry["Names"][0].lstrip("/") for entry in listed]

    def helpers(self, **labels: str) -> list[dict[str, Any]]:
        """The project's helper containers, running or not, as the engine lists them; with labels those that carry all."""
        wanted = [f"{HELPER_LABEL}={self.project}", *(f"{name}={value}" for name, value in labels.items())]
        with _translated("listing helper containers"):
            listed: list[dict[str, Any]] = self.api.containers(all=True, filters={"label": wanted})
        return listed

    def kill(self, container_id: str, sig: str = "KILL") -> None:
        """Send a signal through the engine. After KILL this way the engine does not apply the restart policy."""
        with _translated(f"killing {container_id[:12]}"):
            self.api.kill(container_id, signal=sig)

    def stop(self, container_id: str, *, grace_seconds: int = 10) -> None:
        """Stop a container; killed when its grace is over."""
        with _translated(f"stopping {container_id[:12]}"):
            self.api.stop(container_id, timeout=grace_seconds)

    def start(self, container_id: str) -> None:
        """Start a stopped container."""
        with _translated(f"starting {container_id[:12]}"):
            self.api.start(container_id)

    def restart(self, container_id: str, *, grace_seconds: int = 10) -> None:
        """Stop and start a container."""
        with _translated(f"restarting {container_id[:12]}"):
            self.api.restart(container_id, timeout=grace_seconds)

    def pause(self, container_id: str) -> None:
        """Freeze a container."""
        with _translated(f"pausing {container_id[:12]}"):
            self.api.pause(container_id)

    def unpause(self, container_id: str) -> None:
        """Thaw a container."""
        with _translated(f"unpausing {container_id[:12]}"):
            self.api.unpause(container_id)

    def remove(self, container_id: str, *, force: bool = True, volumes: bool = False) -> None:
        """Remove a container; one that is already gone (or going) is as good as removed."""
        from docker.errors import APIError, NotFound

        with _translated(f"removing {container_id[:12]}"):
            try:
                self.api.remove_container(container_id, force=force, v=volumes)
            except NotFound:
                return
            except APIError as error:
                if error.status_code != 409:  # 409: its removal is already in progress
                    raise

    def logs(self, container_id: str, *, since: datetime | None = None, tail: int | None = None) -> str:
        """What a container wrote, both streams; `since` is exclusive of what was written before it."""
        with _translated(f"reading logs of {container_id[:12]}"):
            start = since.timestamp() if since else None
            written: bytes = self.api.logs(
                container_id, since=start, tail="all" if tail is None else tail, timestamps=False
            )
        return written.decode(errors="replace")

    def top(self, container_id: str) -> dict[str, Any]:
        """The host's view of a container's processes, as `docker top`: Titles and Processes."""
        with _translated(f"listing processes of {container_id[:12]}"):
            return dict(self.api.top(container_id))

    def events(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """The engine's events of this project between two moments that have passed."""
        filters = {"label": [f"{PROJECT_LABEL}={self.project}"]}
        until = min(until, datetime.now(UTC))  # a moment to come would make the engine wait for it
        first, last = since.timestamp(), until.timestamp()
        with _translated("reading events"):
            # The API counts whole seconds: ask for the seconds around, keep what lies between.
            stream = self.api.events(since=int(first), until=math.ceil(last), filters=filters, decode=True)
            return [event for event in stream if first <= event["timeNano"] / 1e9 <= last]

    # ── networks, volumes, the engine itself ────────────────────────────────────────────────────────────────────────

    def networks(self) -> list[dict[str, Any]]:
        """`docker network inspect` of each of the project's networks."""
        with _translated("listing networks"):
            listed = self.api.networks(filters={"label": [f"{PROJECT_LABEL}={self.project}"]})
            return [self.api.inspect_network(entry["Id"]) for entry in listed]

    def volumes(self) -> list[dict[str, Any]]:
        """The project's named volumes."""
        with _translated("listing volumes"):
            listed = self.api.volumes(filters={"label": [f"{PROJECT_LABEL}={self.project}"]})
        return list(listed.get("Volumes") or [])

    def connect_network(self, container_id: str, network: str, **options: Any) -> None:
        """Join a container to a network; options as the SDK's (aliases, ipv4_address, …)."""
        with _translated(f"connecting {container_id[:12]} to {network}"):
            self.api.connect_container_to_network(container_id, network, **options)

    def disconnect_network(self, container_id: str, network: str, *, force: bool = False) -> None:
        """Take a container off a network."""
        with _translated(f"disconnecting {container_id[:12]} from {network}"):
            self.api.disconnect_container_from_network(container_id, network, force=force)

    def info(self) -> dict[str, Any]:
        """The engine's own description, its version under `Version`."""
        with _translated("asking the engine about itself"):
            return {**self.api.info(), "Version": self.api.version()}

    def is_local(self) -> bool:
        """Whether the host's /proc is the engine's, so that its processes can be looked at from here."""
        return self.endpoint.startswith("unix://")

    def host(self, container_id: str) -> Host:
        """A testinfra host for a container."""
        import testinfra

        host: Host = testinfra.get_host(f"docker://{container_id}")
        return host


def _endpoint() -> str:
    from stack.engine import endpoint

    return endpoint()


@functools.cache
def _client(endpoint: str) -> APIClient:
    """One client per endpoint and process: its connections are kept."""
    from docker.api import APIClient
    from docker.errors import DockerException
    from docker.tls import TLSConfig

    _require_socket(endpoint)
    tls: TLSConfig | bool = False
    folder = os.environ.get("DOCKER_CERT_PATH", "")
    if os.environ.get("DOCKER_TLS_VERIFY") and folder:
        tls = TLSConfig(
            client_cert=(f"{folder}/cert.pem", f"{folder}/key.pem"), ca_cert=f"{folder}/ca.pem", verify=True
        )
    try:
        return APIClient(
            base_url=endpoint,
            version="auto",
            timeout=_API_TIMEOUT_SECONDS,
            tls=tls,
            use_ssh_client=endpoint.startswith("ssh://"),
        )
    except DockerException as error:
        message = f"no Docker engine answers at {endpoint}"
        raise NoEngine(message) from error


def _require_socket(endpoint: str) -> None:
    """Raise NoEngine when nobody listens at a local endpoint (the SDK finds out too, and then leaves its socket open)."""
    if not endpoint.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_API_TIMEOUT_SECONDS)
        try:
            probe.connect(endpoint.removeprefix("unix://"))
        except OSError as error:
            message = f"no Docker engine answers at {endpoint} ({error.strerror or error})"
            raise NoEngine(message) from error


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn the SDK's and its transport's errors into ours, said in one sentence."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import ConnectionError as Unreachable
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        message = f"{doing}: {error.explanation or error}"
        raise CannotTell(message) from error
    except Unreachable as error:
        message = f"{doing}: the Docker engine does not answer"
        raise NoEngine(message) from error
    except (DockerException, RequestException, OSError) as error:
        message = f"{doing}: {error}"
        raise CannotTell(message) from error
