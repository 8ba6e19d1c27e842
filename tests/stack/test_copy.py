"""An isolated copy meets the original nowhere, and what can't be isolated is left out with the reason."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from stack.compose import load_project
from stack.copy_isolated import isolated
from stack.copy_start import waves

COMPOSE = """
services:
  web:
    image: i
    container_name: fixed
    ports: ["80:80", "[::]:443:443"]
    networks: {front: {ipv4_address: 10.1.1.2}}
    volumes: [data:/data, theirs:/theirs, share:/share, ./there:/there]
    environment: {PRICE: "$$5"}
    depends_on: [host]
  host: {image: i, network_mode: host}
  needs-host:
    image: i
    depends_on: {host: {condition: service_healthy}}
  shares-host: {image: i, network_mode: "service:host"}
  later: {image: i, profiles: [later]}
  engine: {image: i, volumes: ["./engine.sock:/var/run/docker.sock:ro"]}
  gone: {image: i, volumes: ["./not-there:/x"]}
networks:
  front: {name: fixed-net, internal: true, ipam: {config: [{subnet: 10.1.1.0/24}]}}
volumes:
  data: {name: precious}
  theirs: {external: true}
  share: {driver_opts: {type: none, o: bind, device: /srv/theirs}}
"""


@pytest.fixture
def copied(tmp_path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "there").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine.sock"))
    project = load_project([tmp_path / "compose.yaml"], env={})
    return isolated(project.tree, excluded=(), idle=project.idle)


def test_nothing_of_the_copy_has_a_name_port_address_or_volume_of_the_original(copied: Any) -> None:
    tree, _ = copied
    web = tree["services"]["web"]

    assert "container_name" not in web
    assert [(port.get("published"), port["host_ip"]) for port in web["ports"]] == [(None, "127.0.0.1")] * 2
    assert web["networks"]["front"] == {}
    assert tree["networks"]["front"] == {"internal": True}
    assert {name: entry for name, entry in tree["volumes"].items() if entry} == {}
    assert "name" not in tree


def test_what_can_not_be_isolated_is_left_out_with_what_needs_it(copied: Any) -> None:
    tree, left_out = copied

    assert set(tree["services"]) == {"web"}
    assert tree["services"]["web"]["depends_on"] == {}
    assert left_out == {
        "host": "it uses the host's network, which a copy would share with the original",
        "needs-host": "it waits for host, which is left out",
        "shares-host": left_out["shares-host"],
        "later": "its compose profile is not active",
        "engine": left_out["engine"],
        "gone": left_out["gone"],
    }
    assert "through which it could reach what is not its own" in left_out["engine"]
    assert "not-there, which is not there" in left_out["gone"]
    assert "host" in left_out["shares-host"]


def test_the_originals_host_folders_are_only_read(copied: Any) -> None:
    tree, _ = copied

    assert [m["read_only"] for m in tree["services"]["web"]["volumes"] if m["type"] == "bind"] == [True]


def test_values_are_final(copied: Any) -> None:
    tree, _ = copied

    assert tree["services"]["web"]["environment"]["PRICE"] == "$$5"


REACHES_OUT = {
    "privileged": ("privileged: true", "it is privileged"),
    "pid": ("pid: host", "its pid is host"),
    "ipc": ("ipc: host", "its ipc is host"),
    "network-of-another": ("network_mode: 'container:theirs'", "its network_mode is container:theirs"),
    "devices": ("devices: [/dev/kmsg]", "it is given the host's /dev/kmsg"),
    "volumes": ("volumes_from: ['container:theirs']", "it takes volumes of another container:theirs"),
    "secret": ("secrets: [s]", "its secret s is external"),
    "config": ("configs: [c]", "its config c is external"),
}


@pytest.mark.parametrize("name", sorted(REACHES_OUT))
def test_what_could_touch_what_is_not_its_own_is_left_out(name: str, tmp_path: Path) -> None:
    line, reason = REACHES_OUT[name]
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  a: {{image: i, {line}}}\n  b: {{image: i}}\nsecrets: {{s: {{external: true}}}}\nconfigs: {{c: {{external: true}}}}\n"
    )
    tree, left_out = isolated(load_project([tmp_path / "compose.yaml"], env={}).tree, excluded=(), idle=())

    assert set(tree["services"]) == {"b"}
    assert reason in left_out["a"]


def test_a_copys_networks_take_no_interface_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a: {image: i, networks: [lan]}\nnetworks:\n  lan: {driver: macvlan, driver_opts: {parent: eth0}, internal: true}\n"
    )
    tree, _ = isolated(load_project([tmp_path / "compose.yaml"], env={}).tree, excluded=(), idle=())

    assert tree["networks"] == {"lan": {"internal": True}}


def test_services_start_after_what_they_wait_for() -> None:
    services = {"a": {"depends_on": {"b": {}, "gone": {}}}, "b": {"depends_on": {"c": {}}}, "c": {}, "d": {}}

    assert waves(services) == [["c", "d"], ["b"], ["a"]]


def test_a_circle_ends() -> None:
    assert waves({"a": {"depends_on": {"b": {}}}, "b": {"depends_on": {"a": {}}}}) == [["a", "b"]]
