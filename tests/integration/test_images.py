"""The images as the engine has them: minimal, without privileges to regain, and a proxy that lets nothing but reads through."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stack import images
from stack.engine import find_engine
from stack.errors import UserError
from stack.progress import Progress
from stack.recipes import ROOT, recipes
from stack.waiting import eventually

OURS = sorted(recipes())
# Looks as the checks do (SEC-IMG-004, -006): files that would raise privileges, and what no running service needs.
LOOK = r"""
find / -xdev -type f -perm /6000 2>/dev/null | sed 's/^/setuid /'
find /var/cache/apt/archives /var/lib/apt/lists -type f ! -name lock 2>/dev/null | sed 's/^/cache /'
for tool in gcc cc g++ go make pip pip3; do command -v $tool | sed 's/^/tool /'; done
find /root /home -name '.*history' 2>/dev/null | sed 's/^/history /'
find / -xdev \( -name ca -o -name host -o -name apt \) -path '*/run/secrets/*' 2>/dev/null | sed 's/^/secret /'
true
"""


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """These tests look at images that set-up has obtained."""
    if find_engine() is None:
        pytest.skip("no Docker engine answers")


def docker(*arguments: str, check: bool = True) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0 or not check, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize("name", OURS)
def test_an_image_carries_nothing_that_a_service_does_not_need(name: str) -> None:
    reference = f"seatrial/{name}:local"
    if not images.is_present(reference):
        pytest.skip(f"{reference} is not built here")

    found = docker("run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", reference, "-c", LOOK).splitlines()

    assert found == []


@pytest.mark.parametrize("name", [name for name in OURS if name not in {"base", "python"}])
def test_an_image_names_a_numeric_user(name: str) -> None:
    reference = f"seatrial/{name}:local"
    if not images.is_present(reference):
        pytest.skip(f"{reference} is not built here")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", docker("image", "inspect", "--format={{.Config.User}}", reference))


def test_a_recipe_is_built_once_and_again_only_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "st-setup-probe"
    folder = tmp_path / "stack" / "images" / name
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nUSER 1:1\n")
    monkeypatch.setattr(images, "recipes", lambda: recipes(tmp_path))
    identity = ("image", "inspect", "--format={{.Id}}", f"seatrial/{name}:local")
    quiet = Progress(quiet=True)

    try:
        assert images.obtain([name], quiet) == []
        first = docker(*identity)
        images.obtain([name], quiet)
        second = docker(*identity)
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nUSER 2:2\n")
        images.obtain([name], quiet)
        third = docker(*identity)
        kept = docker("image", "inspect", "--format={{.Id}}", first, check=False)
    finally:
        docker("image", "rm", f"seatrial/{name}:local", check=False)

    assert first == second != third
    assert kept == "", "the replaced image was left behind without a name"


def test_a_recipe_that_does_not_build_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stack" / "images" / "st-setup-broken"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY not-there /\n")
    monkeypatch.setattr(images, "recipes", lambda: recipes(tmp_path))

    ((name, reason),) = images.obtain(["st-setup-broken"], Progress(quiet=True))

    assert name == "st-setup-broken" and "not-there" in reason


INTERRUPTED = """
import sys
from pathlib import Path
from stack import images, recipes
images.recipes = lambda: recipes.recipes(Path(sys.argv[1]))
sys.exit(images.main(["st-setup-slow"]))
"""


def test_ctrl_c_during_a_build_ends_it_in_the_engine_too(tmp_path: Path) -> None:
    if not images.is_present("seatrial/base:local"):
        pytest.skip("the base image is not built here")
    folder = tmp_path / "stack" / "images" / "st-setup-slow"
    folder.mkdir(parents=True)
    subprocess.run(["docker", "image", "rm", "--force", "seatrial/st-setup-slow:local"], check=True, capture_output=True)
    # A span that nobody else sleeps for, so that its process can be told apart; the base by another name is no parent.
    seconds = f"61.{os.getpid()}"
    (folder / "Dockerfile").write_text(f"ARG BASE=seatrial/base:local\nFROM ${{BASE}}\nRUN sleep {seconds}\n")
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    runner = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    _within_20_seconds(lambda: _sleeps(seconds))

    runner.send_signal(signal.SIGINT)
    _, said = runner.communicate(timeout=30)

    assert runner.returncode == 130, said
    _within_20_seconds(lambda: not _sleeps(seconds))
    assert not images.is_present("seatrial/st-setup-slow:local")


def _sleeps(seconds: str) -> bool:
    """Whether a process of the build runs: the engine's are the host's too."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if file.read_bytes() == f"sleep\0{seconds}\0".encode():
                return True
    return False


def _within_20_seconds(true: Callable[[], bool]) -> None:
    eventually(true, within=timedelta(seconds=20), every=timedelta(seconds=0.1), what="the build")


def test_a_recipe_nobody_wrote_is_one_sentence() -> None:
    with pytest.raises(UserError, match="no recipe for the image nothing-like-it"):
        images.obtain(["nothing-like-it"], Progress(quiet=True))


@pytest.fixture(scope="module")
def proxy() -> Iterator[int]:
    """The engine-api-proxy as the stack runs it, on a port of the loopback; yields the port."""
    reference = "seatrial/engine-api-proxy:local"
    found = find_engine()
    if found is None or found.socket is None or not images.is_present(reference):
        pytest.skip("needs a local engine and the proxy's image")
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["run", "--rm", "--detach", "--read-only", "--cap-drop=ALL", f"--group-add={found.group_id}"]
    command += [f"--volume={found.socket}:/var/run/docker.sock", f"--publish=127.0.0.1:{port}:2375", reference]
    container = docker(*command)
    try:
        eventually(lambda: _ask(port, "GET", "/_ping")[0] == 200, within=timedelta(seconds=20), every=timedelta(seconds=0.1))
        yield port
    finally:
        docker("rm", "--force", container, check=False)


def _ask(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.putrequest(method, path, skip_host=False)
        for key, value in (headers or {}).items():
            connection.putheader(key, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("path", ["/_ping", "/version", "/v1.45/containers/json", "/containers/json?all=1", "/networks"])
def test_the_proxy_lets_reads_of_containers_through(proxy: int, path: str) -> None:
    assert _ask(proxy, "GET", path)[0] == 200


def test_the_proxy_answers_with_what_the_engine_says(proxy: int) -> None:
    (identity, *_) = (one["Id"] for one in json.loads(_ask(proxy, "GET", "/containers/json")[1]))

    assert json.loads(_ask(proxy, "GET", f"/v1.45/containers/{identity}/json")[1])["Id"] == identity
    assert _ask(proxy, "GET", f"/containers/{identity}/logs?stdout=1&tail=1")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/containers/create", {}),
        ("POST", "/v1.45/containers/x/exec", {}),
        ("DELETE", "/containers/x", {}),
        ("PUT", "/containers/x/archive", {}),
        ("GET", "/containers/x/archive?path=/", {}),
        ("GET", "/containers/x/export", {}),
        ("GET", "/containers/x/attach/ws", {}),
        ("GET", "/images/json", {}),
        ("GET", "/secrets", {}),
        ("GET", "/info", {}),
        ("GET", "/containers/../images/json", {}),
        ("GET", "/containers/%2e%2e/images/json", {}),
        ("GET", "/containers/x%2farchive/json", {}),
        ("GET", "//images/json", {}),
        ("GET", "/containers/json/../../images/json", {}),
        ("get", "/containers/json", {}),
        ("CONNECT", "/containers/json", {}),
        ("GET", "/containers/json", {"Connection": "Upgrade", "Upgrade": "tcp"}),
    ],
)
def test_the_proxy_refuses_all_else(proxy: int, method: str, path: str, headers: dict[str, str]) -> None:
    assert _ask(proxy, method, path, headers)[0] in {400, 403}
