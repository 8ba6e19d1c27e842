"""Two projects meet nowhere: not in a port, not in a network, not in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import UserError
from stack.project import PORTS, environment


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PORTS, "SEATRIAL_PUBLIC_ADDRESS", "SEATRIAL_SUBNET", "SEATRIAL_STATE_DIR", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_the_default_project_has_the_ports_everybody_knows() -> None:
    values = environment()

    assert values["SEATRIAL_HTTPS_PORT"] == "443"
    assert values["SEATRIAL_PUBLIC_ADDRESS"] == "0.0.0.0"
    assert values["SEATRIAL_SUBNET"] == "10.89"
    assert values["SEATRIAL_STATE_DIR"].endswith("/.seatrial/seatrial")


@pytest.mark.parametrize("offset", [1000, 20000, 40000])
def test_a_second_project_shares_no_port_subnet_or_folder_with_the_first(offset: int) -> None:
    first, second = environment(), environment("another", offset)

    differing = {"SEATRIAL_SUBNET", "SEATRIAL_STATE_DIR", *PORTS}
    assert not [name for name in differing if first[name] == second[name]]
    assert not {first[name] for name in PORTS} & {second[name] for name in PORTS}


def test_only_the_default_project_faces_the_outside() -> None:
    assert environment("another", 1000)["SEATRIAL_PUBLIC_ADDRESS"] == "127.0.0.1"


def test_the_callers_own_variables_win_for_the_default_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_HTTPS_PORT", "8443")

    assert environment()["SEATRIAL_HTTPS_PORT"] == "8443"
    assert environment("another", 1000)["SEATRIAL_HTTPS_PORT"] == "1443"


@pytest.mark.parametrize("offset", [-1, 60000])
def test_an_offset_that_leaves_no_valid_port_is_refused(offset: int) -> None:
    with pytest.raises(UserError, match=f"offset {offset} is not possible"):
        environment("another", offset)


def test_the_socket_of_docker_host_is_the_proxys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")

    assert environment()["SEATRIAL_ENGINE_SOCKET"] == f"{tmp_path}/engine.sock"


def test_another_projects_state_is_never_taken_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_STATE_DIR", "/elsewhere/seatrial")

    assert environment("seatrial")["SEATRIAL_STATE_DIR"] == "/elsewhere/seatrial"
    assert environment("st-other")["SEATRIAL_STATE_DIR"].endswith("/.seatrial/st-other")
