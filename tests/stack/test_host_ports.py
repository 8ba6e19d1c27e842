"""A taken port is named, with the service that needs it and who holds it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from stack import host_ports
from stack.driver import PROJECT_LABEL
from stack.errors import UserError


def driver(*containers: dict[str, Any]) -> Any:
    return SimpleNamespace(project="mine", api=SimpleNamespace(containers=lambda: list(containers)))


def container(name: str, port: int, project: str) -> dict[str, Any]:
    return {"Names": [f"/{name}"], "Labels": {PROJECT_LABEL: project}, "Ports": [{"PublicPort": port, "Type": "tcp"}]}


def services(port: int) -> dict[str, Any]:
    return {"nginx": {"ports": [{"published": str(port), "target": 443, "host_ip": "127.0.0.1"}]}}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this very process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_free_port_is_fine() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])

    host_ports.require_free(driver(), services(free))


def test_a_port_taken_by_a_program_names_the_program(taken: int) -> None:
    with pytest.raises(UserError, match=rf"^port {taken}, which nginx needs, is taken by \S+ \(process {os.getpid()}\)$"):
        host_ports.require_free(driver(), services(taken))


def test_a_port_taken_by_another_project_names_container_and_project(taken: int) -> None:
    with pytest.raises(UserError, match="by the container theirs-web-1 of the project theirs"):
        host_ports.require_free(driver(container("theirs-web-1", taken, "theirs")), services(taken))


def test_a_port_held_by_the_project_itself_is_as_good_as_free(taken: int) -> None:
    host_ports.require_free(driver(container("mine-nginx-1", taken, "mine")), services(taken))


def test_a_service_that_publishes_nothing_needs_nothing() -> None:
    host_ports.require_free(driver(), {"monerod": {}})
