"""Why: what the kernel shows is judged by pure functions, so that every answer it can give is tried without a container."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.procfs import Process, Socket
from suites.security.rules import drift, engine_api, privileges, sockets
from suites.security.running import resolved

GOOD = Process(7, 1000, 1000, "app", ("app",), frozenset(), True, 2, "docker-default")


def test_a_good_process_offends_no_rule() -> None:
    rules = (privileges.root_processes, privileges.may_gain_privileges, privileges.unfiltered, privileges.unconfined)

    assert [rule([GOOD]) for rule in rules] == [[], [], [], []]


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (privileges.root_processes, replace(GOOD, uid=0)),
        (privileges.may_gain_privileges, replace(GOOD, no_new_privileges=False)),
        (privileges.unfiltered, replace(GOOD, seccomp=0)),
        (privileges.unconfined, replace(GOOD, apparmor="unconfined")),
        (privileges.unconfined, replace(GOOD, apparmor=None)),
    ],
)
def test_one_bad_process_among_good_ones_is_named(rule: Any, bad: Process) -> None:
    assert len(rule([GOOD, bad, GOOD])) == 1


def test_arguments_of_a_process_are_never_shown() -> None:
    assert "s3cret" not in str(privileges.root_processes([replace(GOOD, uid=0, cmdline=("app", "--password=s3cret"))]))


@pytest.mark.parametrize(
    ("added", "dropped", "effective", "found"),
    [
        ((), ("ALL",), (), 0),
        ((), ("ALL",), ("CHOWN",), 1),
        (("CHOWN",), ("ALL",), ("CHOWN",), 0),
        ((), (), ("CHOWN", "NET_RAW"), 0),
        ((), ("NET_RAW",), ("NET_RAW",), 1),
        (("ALL",), (), ("SYS_ADMIN",), 0),
    ],
)
def test_capabilities_are_held_against_the_declaration(
    added: tuple[str, ...], dropped: tuple[str, ...], effective: tuple[str, ...], found: int
) -> None:
    allowed = privileges.allowed_capabilities(added, dropped, privileged=False)

    assert (
        len(privileges.excess_capabilities([replace(GOOD, effective_capabilities=frozenset(effective))], allowed))
        == found
    )


def test_host_powers_and_namespaces_are_listed() -> None:
    bad = {
        "Privileged": True,
        "Devices": [{"PathOnHost": "/dev/sda"}, {"PathOnHost": "/dev/net/tun"}],
        "DeviceCgroupRules": ["a *:* rwm"],
    }

    assert [thing for thing, _ in privileges.host_powers(bad)] == ["privileged", "/dev/sda", "a *:* rwm"]
    assert privileges.host_powers({"Privileged": False, "Devices": None}) == []
    assert [
        kind
        for kind, _ in privileges.shared_namespaces({"PidMode": "host", "IpcMode": "private", "CgroupnsMode": "host"})
    ] == ["pid"]


def test_limits_in_force() -> None:
    assert privileges.missing_cgroup_limits(1, 0.5, 10) == []
    assert len(privileges.missing_cgroup_limits(None, None, None)) == 3


@pytest.mark.parametrize(
    ("socket", "found"),
    [
        (Socket("0.0.0.0", 80, "tcp"), 0),
        (Socket("::", 80, "tcp"), 0),
        (Socket("127.0.0.1", 6060, "tcp"), 0),
        (Socket("::1", 6060, "tcp"), 0),
        (Socket("0.0.0.0", 6060, "tcp"), 1),
        (Socket("0.0.0.0", 80, "udp"), 1),
        (Socket("0.0.0.0", 45000, "udp"), 0),
    ],
)
def test_sockets_beyond_loopback_must_be_declared(socket: Socket, found: int) -> None:
    assert len(sockets.undeclared([socket], {"80/tcp"})) == found


ATTRS: dict[str, Any] = {
    "Image": "sha256:aa",
    "Config": {"Labels": {drift.CONFIG_HASH: "h1"}, "Volumes": {"/image-volume": {}}},
    "Mounts": [
        {"Type": "volume", "Destination": "/data"},
        {"Type": "volume", "Destination": "/image-volume"},
        {"Type": "tmpfs", "Destination": "/tmp"},
    ],
    "NetworkSettings": {"Networks": {"p_back": {}}},
}
DECLARED: dict[str, Any] = {"config_hash": "h1", "image_id": "sha256:aa", "mounts": ["/data"], "networks": ["p_back"]}


def test_a_container_as_declared_does_not_drift() -> None:
    assert drift.differences(ATTRS, **DECLARED) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"config_hash": "h2"}, "configuration"),
        ({"image_id": "sha256:bb"}, "image"),
        ({"mounts": []}, "not declared"),
        ({"mounts": ["/data", "/more"]}, "missing"),
        ({"networks": []}, "joined by hand"),
        ({"networks": ["p_back", "p_front"]}, "was left"),
    ],
)
def test_each_kind_of_drift_is_told(changed: dict[str, Any], word: str) -> None:
    found = drift.differences(ATTRS, **{**DECLARED, **changed})

    assert len(found) == 1
    assert word in found[0]


def test_compose_hashes_are_read() -> None:
    assert drift.config_hashes("web 0a1b\ndb 2c3d\n\n") == {"web": "0a1b", "db": "2c3d"}


@pytest.mark.parametrize(
    ("answer", "bad"),
    [(b"HTTP/1.0 403 Forbidden\r\n", False), (b"HTTP/1.1 404 Not Found\r\n", True), (b"junk", True), (b"", True)],
)
def test_only_a_refusal_shows_that_a_proxy_filters(answer: bytes, bad: bool) -> None:
    assert (engine_api.problem(engine_api.PROBES[0], answer) is not None) is bad


def test_links_are_followed_inside_the_container(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    (tmp_path / "up").symlink_to("../../../run")
    (tmp_path / "circle").symlink_to("/circle")

    assert resolved(tmp_path, "/var/run/docker.sock") == "/run/docker.sock"
    assert resolved(tmp_path, "/up/x") == "/run/x"
    assert resolved(tmp_path, "/no/such/path") == "/no/such/path"
    with pytest.raises(CannotTell, match="circle"):
        resolved(tmp_path, "/circle")
