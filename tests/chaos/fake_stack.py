"""A stack whose containers live in a file, so that a runner, its watchdog and a judge in three processes see the same one."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from stack.errors import CannotTell

_serial = count(1)


def container(service: str, **state: Any) -> dict[str, Any]:
    """An inspect document as the engine gives it, as far as faults look."""
    return {
        "Id": f"{service:0<64}",
        "Name": f"/fake-{service}-1",
        "Image": f"sha256:{service}",
        "RestartCount": 0,
        "Config": {"Labels": {"com.docker.compose.service": service, "com.docker.compose.config-hash": "abc"}},
        "HostConfig": {"RestartPolicy": {"Name": "no"}, "NetworkMode": "fake_net", "Init": True},
        "Mounts": [],
        "NetworkSettings": {
            "Networks": {
                "fake_net": {"Aliases": [f"fake-{service}-1", service], "IPAMConfig": None, "IPAddress": "10.0.0.2"}
            }
        },
        "State": {"Status": "running", "Paused": False, "Pid": 4242, "StartedAt": "t0", "ExitCode": 0, **state},
    }


@dataclass(frozen=True)
class NamedService:
    """A service as the runner looks it up."""

    name: str


class FakeDriver:
    """The driver's methods that faults call, on a JSON file."""

    env: dict[str, str]

    def __init__(self, file: Path) -> None:
        self.file = file
        self.env = {}

    def is_local(self) -> bool:
        """Not: nothing on this host belongs to a fake container."""
        return False

    def containers(self, *, all: bool = False, one_off: bool = False) -> list[dict[str, Any]]:
        """Every container, or the running ones."""
        found: list[dict[str, Any]] = json.loads(self.file.read_text())
        return [c for c in found if all or c["State"]["Status"] in ("running", "paused")]

    def container_ids(self, service: str, all: bool = False) -> list[str]:
        """Ids of a service's containers."""
        every = self.containers(all=all)
        return [c["Id"] for c in every if c["Config"]["Labels"]["com.docker.compose.service"] == service]

    def inspect(self, container_id: str) -> dict[str, Any]:
        """One container."""
        for found in self.containers(all=True):
            if found["Id"] == container_id:
                return found
        raise CannotTell(f"no container {container_id}")

    def stop(self, container_id: str, *, grace_seconds: int = 10) -> None:
        """Down."""
        self._state(container_id, Status="exited", Pid=0)

    def start(self, container_id: str) -> None:
        """Up, anew."""
        self._state(container_id, Status="running", Pid=4243, StartedAt=f"t{next(_serial)}")

    def restart(self, container_id: str, *, grace_seconds: int = 10) -> None:
        """Up, anew, even if it was."""
        self.start(container_id)

    def pause(self, container_id: str) -> None:
        """Frozen."""
        self._state(container_id, Status="paused", Paused=True)

    def unpause(self, container_id: str) -> None:
        """Thawed."""
        self._state(container_id, Status="running", Paused=False)

    def disconnect_network(self, container_id: str, network: str, *, force: bool = False) -> None:
        """Out of a network."""
        with self._changing(container_id) as found:
            found["NetworkSettings"]["Networks"].pop(network, None)

    def connect_network(self, container_id: str, network: str, **options: Any) -> None:
        """Into a network; the engine keeps aliases and address as they were asked for."""
        address = options.get("ipv4_address")
        with self._changing(container_id) as found:
            found["NetworkSettings"]["Networks"][network] = {
                "Aliases": options.get("aliases") or [],
                "IPAMConfig": {"IPv4Address": address} if address else None,
                "IPAddress": "10.0.0.9",
            }

    def helpers(self, **_labels: str) -> list[dict[str, Any]]:
        """None is ever left."""
        return []

    def run_helper(self, argv: list[str], **_options: Any) -> Any:
        """No helper prints anything: no rules, no queues."""
        from stack.driver import Completed

        return Completed(argv=tuple(argv), code=0, stdout="", stderr="", seconds=0.0)

    def _state(self, container_id: str, **state: Any) -> None:
        with self._changing(container_id) as found:
            found["State"].update(state)

    @contextmanager
    def _changing(self, container_id: str) -> Iterator[dict[str, Any]]:
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            every = json.loads(self.file.read_text())
            yield next(c for c in every if c["Id"] == container_id)
            fresh = self.file.with_suffix(".fresh")
            fresh.write_text(json.dumps(every))
            fresh.replace(self.file)


class FakeStack:
    """The stack's attributes that chaos looks at."""

    loader = "tests.chaos.fake_stack:load"
    compose_files: tuple[Path, ...] = ()
    attached = False

    def __init__(self, root: Path, services: tuple[str, ...] = ("shop", "till")) -> None:
        self.root = root
        self.project = "fake"
        file = root / "engine.json"
        if not file.exists():
            file.write_text(json.dumps([container(service) for service in services]))
        self.driver = FakeDriver(file)
        self.driver.env["FAKE_ROOT"] = str(root)
        self.services = tuple(NamedService(service) for service in services)
        self.rendered: dict[str, Any] = {
            "networks": {"net": {"name": "fake_net"}},
            "services": {service: {"networks": {"net": None}} for service in services},
        }

    def put(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """Change the engine behind everybody's back."""
        every = json.loads(self.driver.file.read_text())
        change(every)
        self.driver.file.write_text(json.dumps(every))


def load(spec: dict[str, Any]) -> FakeStack:
    """What the watchdog calls to see the same stack."""
    return FakeStack(Path(spec["env"]["FAKE_ROOT"]))
