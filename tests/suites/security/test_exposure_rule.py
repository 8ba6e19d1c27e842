"""Why: what is mounted and joined decides what one broken service gives away; both misses and false alarms cost."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from stack.namespaces import Target
from suites.security.rules import exposure, reach


@pytest.mark.parametrize(
    ("path", "read_only"),
    [
        ("/var/run/docker.sock", True),
        ("/run/docker.sock", False),
        ("/var/run", True),
        ("/run", True),
        ("/", True),
        ("/etc", True),
        ("/etc/shadow", True),
        ("/root/.ssh", True),
        ("/var/lib/docker", True),
        ("/proc", True),
        ("/sys", True),
        ("/home/user", True),
        ("/etc/localtime", False),
        ("/run/containerd/containerd.sock", True),
        ("//var/run/docker.sock", True),
        ("///run/docker.sock", True),
        ("//etc", True),
        ("/srv/..//etc/shadow", True),
    ],
)
def test_host_paths_that_give_the_host_away_are_found(path: str, read_only: bool) -> None:
    assert exposure.host_path_problem(path, read_only=read_only)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/localtime",
        "/etc/timezone",
        "/etc/ssl/certs",
        "/srv/app/config",
        "/opt/data",
        "/work/stack/config",
        "/etcetera",
    ],
)
def test_harmless_paths_are_not(path: str) -> None:
    assert exposure.host_path_problem(path, read_only=True) is None


@pytest.mark.parametrize(
    ("project", "path"),
    [
        ("/home/x/proj", "/home/x/proj/nginx.conf"),
        ("/home/x/proj", "/home/x/proj"),
        ("/home/x/proj", "/home/x/proj/.docker/config"),
        ("/home/x", "/home/x/data"),
        ("/root", "/root/data"),
        ("/usr/local/src/proj", "/usr/local/src/proj/conf"),
        ("/etc/shop", "/etc/shop/nginx.conf"),
        ("/srv/proj", "/home/x/media"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_stands_in_the_project_or_in_a_folder_of_somebodys_home_is_theirs(
    project: str, path: str, read_only: bool
) -> None:
    assert exposure.host_path_problem(path, read_only=read_only, project=PurePosixPath(project)) is None


@pytest.mark.parametrize(
    ("project", "path"),
    [
        ("/home/x/proj", "/home/x"),
        ("/home/x/proj", "/home/x/.ssh"),
        ("/home/x/proj", "/home/x/.aws/credentials"),
        ("/home/x/proj", "/home/x/projection/../.ssh"),
        ("/home/x/proj", "/home"),
        ("/home/x", "/home/x"),
        ("/home/x", "/home/x/.ssh/id_ed25519"),
        ("/root", "/root"),
        ("/root", "/root/.kube"),
        ("/root/proj", "/root/backups"),
        ("/", "/etc/passwd"),
        ("/etc", "/etc/passwd"),
        ("/usr", "/usr/bin"),
        ("/var", "/var/log/app"),
        ("/run/proj", "/run/docker.sock"),
        ("/run", "/run/docker.sock"),
    ],
)
def test_a_project_that_stands_amid_the_hosts_own_makes_it_nobodys(project: str, path: str) -> None:
    assert exposure.host_path_problem(path, read_only=True, project=PurePosixPath(project))


@pytest.mark.parametrize(
    ("role", "path", "read_only", "is_work"),
    [
        ("exporter", "/proc", True, True),
        ("exporter", "/sys/fs/cgroup", True, True),
        ("exporter", "/proc", False, False),
        ("exporter", "/", True, False),
        ("exporter", "/var/run/docker.sock", True, False),
        ("log-shipper", "/var/lib/docker/containers", True, True),
        ("log-shipper", "/var/log", True, True),
        ("log-shipper", "/var/lib/docker", True, False),
        ("application", "/proc", True, False),
    ],
)
def test_what_a_role_is_there_to_read(role: str, path: str, read_only: bool, is_work: bool) -> None:
    assert exposure.is_its_work(role, path, read_only=read_only) is is_work


MEMBERS = {"front": ["edge", "app"], "back": ["app", "db"], "odd": ["edge", "db"]}


def test_a_network_without_a_flow_is_not_needed() -> None:
    assert exposure.unneeded_networks("edge", ["front", "odd"], MEMBERS, [("edge", "app"), ("app", "db")]) == ["odd"]


def test_networks_with_flows_are_needed() -> None:
    assert exposure.unneeded_networks("app", ["front", "back"], MEMBERS, [("edge", "app"), ("app", "db")]) == []


def test_a_service_that_only_faces_outside_keeps_one_network() -> None:
    assert exposure.unneeded_networks("edge", ["front"], MEMBERS, [("outside", "edge")]) == []


def test_a_network_of_its_own_isolates_a_service_without_flows() -> None:
    assert exposure.unneeded_networks("job", ["alone"], {"alone": ["job"]}, []) == []
    assert exposure.unneeded_networks("job", ["front"], {"front": ["job", "app"]}, []) == ["front"]


def test_a_flow_without_a_common_network_is_impossible() -> None:
    networks = {"edge": ["front"], "app": ["front", "back"], "db": ["back"]}

    assert exposure.impossible_flows([("edge", "app", 80), ("app", "db", 5432)], networks) == []
    assert len(exposure.impossible_flows([("edge", "db", 5432)], networks)) == 1


AT_HOST, AT_EDGE, AT_DB = Target("198.51.100.1", 443), Target("10.0.0.2", 443), Target("10.0.0.3", 5432)
OWNERS = {AT_HOST: "port edge", AT_EDGE: "container edge", AT_DB: "container db"}


def exposed(seen: dict[Target, str]) -> list[str]:
    return [text for _, text in reach.exposed(seen, OWNERS, {(443, "tcp")}, "edge", {(443, "tcp")})]


def test_the_edge_may_answer_wherever_it_is() -> None:
    assert exposed({AT_HOST: "open", AT_EDGE: "open", AT_DB: "silent"}) == []


def test_a_database_that_answers_at_its_own_address_is_found() -> None:
    assert exposed({AT_HOST: "open", AT_DB: "open"}) == ["db answers at its container's address 10.0.0.3:5432/tcp"]


def test_a_host_port_of_nobody_is_found_and_remote_access_is_not() -> None:
    seen = {
        Target("198.51.100.1", 2375): "open",
        Target("198.51.100.1", 22): "open",
        Target("2001:db8::1", 80): "refused",
    }

    assert exposed(seen) == ["198.51.100.1:2375/tcp answers (no container of this project)"]


@pytest.mark.parametrize(
    ("works", "declared", "problems"),
    [(True, True, 0), (False, False, 0), (True, False, 1), (False, True, 1)],
)
def test_flows_are_compared_both_ways(works: bool, declared: bool, problems: int) -> None:
    key = ("app", "db", 5432, "tcp")

    assert len(reach.wrong_flows({key: works}, {key} if declared else set())) == problems


def test_a_way_counts_for_every_replica() -> None:
    wanted, other = ("app", "db", 5432, "tcp"), ("app", "cache", 6379, "tcp")
    first, second = {wanted: True, other: True}, {wanted: False, other: False}

    for answers in ([first, second], [second, first]):
        assert reach.every_replica(answers, {wanted}) == {wanted: False, other: True}
    assert reach.every_replica([first, first], {wanted}) == first


@pytest.mark.parametrize(
    ("volume", "source"),
    [
        ({"driver_opts": {"type": "none", "o": "bind", "device": "/etc"}}, ("/etc", False)),
        ({"driver": "local", "driver_opts": {"o": "ro,rbind", "device": "/"}}, ("/", True)),
        ({"driver_opts": {"type": "ext4", "device": "/dev/sda1"}}, ("/dev/sda1", False)),
        ({"driver_opts": {"type": "cifs", "o": "username=x", "device": "//nas/share"}}, None),
        ({"driver_opts": {"type": "nfs", "o": "addr=10.0.0.1,rw", "device": ":/export"}}, None),
        ({"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}, None),
        ({"driver": "rclone", "driver_opts": {"o": "bind", "device": "/etc"}}, None),
        ({"external": True}, None),
        ({}, None),
    ],
)
def test_a_volume_that_is_a_path_of_the_host_is_seen(volume: dict[str, object], source: tuple[str, bool] | None) -> None:
    assert exposure.host_source(volume) == source


def test_what_leads_out_of_where_a_role_reads_is_not_its_work() -> None:
    assert exposure.is_its_work("log-shipper", "//var/log/", read_only=True)
    assert not exposure.is_its_work("log-shipper", "/var/log/../../etc", read_only=True)
