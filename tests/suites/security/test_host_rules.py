"""Why: another machine's engine can't be misconfigured for a test, so its settings are judged as data, each good and bad."""

from __future__ import annotations

import pytest

from suites.security.rules import host, pins


@pytest.mark.parametrize(
    ("uid", "mode", "bad"),
    [(0, 0o140660, False), (0, 0o140600, False), (0, 0o140666, True), (0, 0o140662, True), (1000, 0o140660, True)],
)
def test_socket(uid: int, mode: int, bad: bool) -> None:
    assert (host.socket_problem(uid, mode) is not None) is bad


@pytest.mark.parametrize(
    ("words", "configuration", "found"),
    [
        (["dockerd"], {}, 0),
        (["dockerd", "-H", "unix:///var/run/docker.sock"], {}, 0),
        (["dockerd", "-H", "tcp://0.0.0.0:2375"], {}, 1),
        (["dockerd", "-Htcp://0.0.0.0:2375"], {}, 1),
        (["dockerd", "--host=tcp://0.0.0.0:2376", "--tlsverify"], {}, 0),
        (["dockerd", "--host=tcp://0.0.0.0:2376", "--tls"], {}, 1),
        (["dockerd"], {"hosts": ["fd://", "tcp://0.0.0.0:2375"]}, 1),
        (["dockerd", "-H", "0.0.0.0:2375"], {}, 1),
        (["dockerd", "-H", ":2375"], {}, 1),
        (["dockerd", "-H=:2375"], {}, 1),
        (["dockerd", "-H:2375"], {}, 1),
        (["dockerd", "-H", ""], {}, 0),
        (["dockerd", "-H", "TCP://0.0.0.0:2375"], {}, 1),
        (["dockerd", "-H", "npipe:////./pipe/docker_engine"], {}, 0),
        (["dockerd"], {"hosts": ["0.0.0.0:2375"]}, 1),
        (["dockerd"], {"hosts": ["unix:///run/docker.sock", "fd://"]}, 0),
        (["dockerd", "-H", ":2375", "--tlsverify=0"], {}, 1),
        (["dockerd"], {"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": True}, 0),
    ],
)
def test_open_tcp(words: list[str], configuration: dict[str, object], found: int) -> None:
    assert len(host.open_tcp(words, configuration)) == found


def test_log_driver() -> None:
    assert host.log_problem("json-file", {"max-size": "10m"}) is None
    assert host.log_problem("local", {}) is None
    assert host.log_problem("json-file", {})


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["dockerd", "--log-opt", "max-size=10m"], {"max-size": "10m"}),
        (["dockerd", "--log-opt=max-size=10m", "--log-opt", "max-file=3"], {"max-size": "10m", "max-file": "3"}),
        (["dockerd", "--log-opt"], {}),
        (["dockerd", "--log-opt", "nonsense"], {}),
        (["dockerd", "--log-level", "max-size=1"], {}),
    ],
)
def test_log_options_stand_behind_an_equals_sign_or_a_space(words: list[str], options: dict[str, str]) -> None:
    assert host.log_options(words) == options


def test_registries() -> None:
    loopback = {"InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128"], "IndexConfigs": {"hub": {"Secure": True}}}
    open_ones = {"InsecureRegistryCIDRs": ["10.0.0.0/8"], "IndexConfigs": {"registry.example:5000": {"Secure": False}}}

    assert host.insecure_registries(loopback) == []
    assert host.insecure_registries(open_ones) == ["10.0.0.0/8", "registry.example:5000"]


@pytest.mark.parametrize(
    ("words", "configuration", "expected"),
    [
        ([], {}, True),
        ([], {"icc": False}, False),
        (["--icc=false"], {"icc": True}, False),
        (["--icc"], {"icc": False}, True),
        (["--icc=0"], {}, False),
        (["--icc=f"], {}, False),
        (["--icc=FALSE"], {}, False),
        (["--icc=1"], {"icc": False}, True),
        (["--icc", "--icc=false"], {}, False),
    ],
)
def test_the_command_line_beats_the_file(words: list[str], configuration: dict[str, object], expected: bool) -> None:
    assert host.setting("icc", words, configuration, default=True) is expected


@pytest.mark.parametrize(
    ("uid", "mode", "bad"), [(0, 0o100644, False), (0, 0o100600, False), (0, 0o100664, True), (1000, 0o100644, True)]
)
def test_files(uid: int, mode: int, bad: bool) -> None:
    assert (host.mode_problem(uid, mode, 0o644) is not None) is bad


@pytest.mark.parametrize(
    ("user", "bad"),
    [("10001", False), ("10001:10001", False), ("", True), ("root", True), ("0:0", True), ("nginx", True)],
)
def test_image_users(user: str, bad: bool) -> None:
    assert (pins.user_problem(user) is not None) is bad
