"""The stack as one object: declarations in one form, and running things found, or said not to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from stack.driver import Driver
from stack.errors import CannotTell, UserError
from stack.model import Mount, Port, Stack

COMPOSE = """
services:
  edge:
    image: nginx:1
    ports: ["0.0.0.0:24443:443", "127.0.0.1:24080:8080", "[::1]:24081:81", "90"]
    user: 101:102
    cap_drop: [all]
    cap_add: [CAP_NET_BIND_SERVICE]
    command: nginx -g "daemon off;"
    volumes: ["data:/data:ro", "./x:/x"]
    tmpfs: /run:size=1m
    networks: [front]
    labels: [a=b, c]
    environment: {A: 1, B: }
    deploy: {restart_policy: {condition: any}}
  worker:
    image: own/worker:1
    profiles: [later]
    depends_on: [edge]
    privileged: true
volumes: {data: {}}
networks: {front: {}}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return Stack.load([tmp_path / "compose.yaml"], project="p")


class FakeDriver:
    """An engine with one container of the edge."""

    def __init__(self, *, running: bool = True) -> None:
        ports = {"443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "24443"}, {"HostIp": "::", "HostPort": "24443"}]}
        ports["8080/tcp"] = [{"HostIp": "127.0.0.1", "HostPort": "24080"}]
        self.attrs: dict[str, Any] = {
            "Id": "1" * 64,
            "Name": "/p-edge-1",
            "Config": {"Labels": {"com.docker.compose.service": "edge"}, "Env": ["A=1", "B=x=y"]},
            "State": {"Running": running, "Pid": 0},
            "NetworkSettings": {"Ports": {**ports, "90/tcp": None}, "Networks": {"p_front": {"IPAddress": "10.0.0.2"}}},
        }

    def container_ids(self, service: str) -> list[str]:
        return [self.attrs["Id"]] if service == "edge" else []

    def inspect(self, container_id: str) -> dict[str, Any]:
        return self.attrs


def with_engine(stack: Stack, *, running: bool = True) -> Stack:
    stack.driver = cast("Driver", FakeDriver(running=running))
    return stack


def test_ports_are_read_in_every_syntax(stack: Stack) -> None:
    ports = stack.service("edge").ports

    assert ports == (
        Port("0.0.0.0", 24443, 443, "tcp"),
        Port("127.0.0.1", 24080, 8080, "tcp"),
        Port("::1", 24081, 81, "tcp"),
        Port("", None, 90, "tcp"),
    )
    assert [port.is_loopback for port in ports] == [False, True, True, False]
    assert str(ports[2]) == "[::1]:24081:81/tcp"


def test_a_service_reads_the_same_whatever_its_syntax(stack: Stack, tmp_path: Path) -> None:
    service = stack.service("edge")

    assert service.mounts == (Mount("volume", "data", "/data", True), Mount("bind", str(tmp_path / "x"), "/x", False))
    assert service.command == ["nginx", "-g", "daemon off;"]
    assert (service.cap_drop, service.cap_add) == (frozenset({"ALL"}), frozenset({"NET_BIND_SERVICE"}))
    assert service.tmpfs == ("/run",)
    assert service.labels == {"a": "b", "c": ""}
    assert service.environment == {"A": "1", "B": None}
    assert service.restart == "any"
    assert service.networks == ("front",)
    assert not service.privileged


def test_a_place_is_the_keys_own_or_the_nearest_around_it(stack: Stack) -> None:
    service = stack.service("edge")

    assert service.where is not None
    assert service.where.line == 3
    assert [service.where_of(*path).line for path in (("ports", 1), ("user",), ("nothing",))] == [5, 6, 3]  # type: ignore[union-attr]


def test_a_service_of_an_inactive_profile_is_there_and_idle(stack: Stack) -> None:
    assert {service.name: service.idle for service in stack.services} == {"edge": False, "worker": True}


def test_an_excluded_service_is_not_among_the_services(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)

    stack = Stack.load([tmp_path / "compose.yaml"], without=["worker"])

    assert [service.name for service in stack.services] == ["edge"]
    assert stack.excluded == {"worker"}


@pytest.mark.parametrize("ask", [lambda s: s.service("egde"), lambda s: Stack.load(s.compose_files, without=["egde"])])
def test_an_unknown_service_is_said_with_the_nearest(stack: Stack, ask: Any) -> None:
    with pytest.raises(UserError, match=r"did you mean 'edge'\?"):
        ask(stack)


def test_a_published_port_leads_to_an_address_one_can_reach(stack: Stack) -> None:
    with_engine(stack)

    assert stack.published("edge", 443) == ("127.0.0.1", 24443)
    assert stack.published("edge", 8080) == ("127.0.0.1", 24080)
    with pytest.raises(CannotTell, match="edge publishes no 90/tcp"):
        stack.published("edge", 90)


def test_the_edge_is_the_service_with_that_role(stack: Stack) -> None:
    edge = with_engine(stack).edge

    assert (edge.address, edge.https_port, edge.http_port) == ("127.0.0.1", 24443, None)


def test_a_container_tells_its_addresses_and_environment(stack: Stack) -> None:
    container = with_engine(stack).container("edge")

    assert (container.service, container.name) == ("edge", "p-edge-1")
    assert container.addresses() == {"p_front": "10.0.0.2"}
    assert container.env == {"A": "1", "B": "x=y"}


@pytest.mark.parametrize("service", ["worker", "edge"])
def test_what_does_not_run_is_an_open_question_with_the_reason(stack: Stack, service: str) -> None:
    with_engine(stack, running=False)
    stack.absent = {"worker": "its image can't be pulled"}

    with pytest.raises(CannotTell, match=f"{service} is not running") as error:
        stack.container(service)

    assert ("its image can't be pulled" in str(error.value)) is (service == "worker")


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda s: s.secret("X"), "[secrets] file"),
        (lambda s: s.wallet("buyer"), "[wallets.buyer]"),
        (lambda s: s.receiver, "[receiver]"),
        (lambda s: s.prometheus, "[metrics]"),
    ],
)
def test_what_nobody_promised_says_which_line_of_a_profile_would(stack: Stack, ask: Any, line: str) -> None:
    with pytest.raises(CannotTell) as error:
        ask(stack)

    assert line in str(error.value)
