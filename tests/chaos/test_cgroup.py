"""A helper finds its target's control group by the target's id, whatever the version and the engine's way of naming it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import cgroup
from stack.completed import Completed
from stack.errors import CannotTell

ID = "4f1d2c" + "0" * 58
LAYOUTS = {
    "version 1, cgroupfs": f"memory/docker/{ID}",
    "version 1, systemd": f"memory/system.slice/docker-{ID}.scope",
    "version 2, cgroupfs": f"docker/{ID}",
    "version 2, systemd": f"system.slice/docker-{ID}.scope",
}


def join(top: Path) -> subprocess.CompletedProcess[str]:
    """What a helper runs, with a folder in place of the host's groups."""
    script = cgroup._JOIN.replace("/groups", str(top / "groups")).replace("/tmp/joined", str(top / "joined"))
    argv = ["sh", "-c", script, "join", "memory", ID, "sh", "-c", "echo $GROUP"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_it_joins_the_targets_group_and_tells_its_program_where_that_is(layout: str, tmp_path: Path) -> None:
    group = tmp_path / "groups" / layout
    group.mkdir(parents=True)
    (tmp_path / "groups" / "docker" / "another").mkdir(parents=True)

    done = join(tmp_path)

    assert done.stdout.strip() == str(group)
    assert (group / "cgroup.procs").read_text() == "0\n"
    assert (tmp_path / "joined").exists()


def test_it_ends_where_the_target_has_no_group(tmp_path: Path) -> None:
    (tmp_path / "groups" / "memory").mkdir(parents=True)

    done = join(tmp_path)

    assert done.returncode == 9
    assert not (tmp_path / "joined").exists()


def stack(*, there: bool, running: bool) -> Any:
    """An engine with one helper, whose program has made its file or not, and runs or not."""

    def exec(_helper: str, _argv: list[str]) -> Completed:
        if not running:
            raise CannotTell("No such container")
        return Completed(("test",), 0 if there else 1, "", "", 0.0)

    helpers = [{"Id": "h", "State": "running"}] if running else []
    return SimpleNamespace(driver=SimpleNamespace(exec=exec, helpers=lambda: helpers))


def test_a_helper_that_is_ready_is_waited_for() -> None:
    cgroup.await_file(stack(there=True, running=True), "h", "/tmp/joined", what="a helper")


def test_a_helper_that_has_ended_is_not_waited_for() -> None:
    with pytest.raises(CannotTell, match="a helper: it could not be had, the helper ended before"):
        cgroup.await_file(stack(there=False, running=False), "h", "/tmp/joined", what="a helper")


def container(**host: Any) -> dict[str, Any]:
    return {"Id": ID, "Name": "/shop-1", "State": {"Pid": 0}, "HostConfig": host}


@pytest.mark.parametrize("limit", [None, 0])
def test_a_target_without_a_memory_limit_is_left_alone(limit: int | None) -> None:
    with pytest.raises(CannotTell, match="has no memory limit of its own, and the host's memory is never filled"):
        cgroup.memory_limit(container(Memory=limit))


def test_a_target_that_is_down_has_no_group() -> None:
    with pytest.raises(CannotTell, match="does not run"):
        cgroup.text(stack(there=True, running=True), container(), "cpu", "cpu.stat")


def elsewhere(files: dict[str, str]) -> Any:
    """An engine on another machine, with a container that shows these files."""

    def exec(_id: str, argv: list[str]) -> Completed:
        text = files.get(argv[1])
        return Completed(tuple(argv), 0 if text is not None else 1, text or "", "", 0.0)

    return SimpleNamespace(driver=SimpleNamespace(is_local=lambda: False, exec=exec))


@pytest.mark.parametrize(
    "files",
    [
        {
            "/sys/fs/cgroup/memory.current": "700\n",
            "/sys/fs/cgroup/memory.stat": "inactive_file 100\nactive_file 200\n",
        },
        {
            "/sys/fs/cgroup/memory/memory.usage_in_bytes": "700\n",
            "/sys/fs/cgroup/memory/memory.stat": "cache 300\ninactive_file 100\nactive_file 200\n",
        },
    ],
    ids=["version 2", "version 1"],
)
def test_memory_in_use_is_what_no_cache_can_give_back(files: dict[str, str]) -> None:
    running = container() | {"State": {"Pid": 7}}

    assert cgroup.memory_used(elsewhere(files), running) == 400


def test_a_counter_that_is_not_there_is_said() -> None:
    running = container() | {"State": {"Pid": 7}}
    files = {"/sys/fs/cgroup/cpu/cpu.stat": "nr_periods 3\n"}

    assert cgroup.counter(elsewhere(files), running, "cpu", "nr_periods", "cpu.stat") == 3
    with pytest.raises(CannotTell, match="does not count nr_throttled"):
        cgroup.counter(elsewhere(files), running, "cpu", "nr_throttled", "cpu.stat")
    with pytest.raises(CannotTell, match="shows no io.stat"):
        cgroup.text(elsewhere(files), running, "io", "io.stat")
