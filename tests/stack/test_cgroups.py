"""Control groups are found in the layouts of version 1 and 2, and the host's root group is never taken for a container's."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.cgroups import limit_files, members, text_of


def layout(tmp_path: Path, table: str, files: dict[str, str]) -> dict[str, Path]:
    proc, mount = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text(table)
    for name, text in files.items():
        (mount / name).parent.mkdir(parents=True, exist_ok=True)
        (mount / name).write_text(text)
    return {"proc": proc, "mount": mount}


V2 = ("0::/system.slice/docker-x.scope\n", {
    "cgroup.procs": "1\n2\n3\n",
    "system.slice/docker-x.scope/cgroup.procs": "7\n8\n",
    "system.slice/docker-x.scope/below/cgroup.procs": "9\n",
    "system.slice/docker-x.scope/memory.max": "100\n",
    "system.slice/docker-x.scope/cpu.max": "max 100000\n",
    "system.slice/docker-x.scope/pids.max": "5\n",
})  # fmt: skip
V1 = ("9:pids:/docker/x\n4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n1:name=systemd:/docker/x\n0::/docker/x\n", {
    "pids/docker/x/cgroup.procs": "7\n8\n",
    "pids/docker/x/below/cgroup.procs": "9\n",
    "pids/docker/x/pids.max": "5\n",
    "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "-1\n",
    "memory/docker/x/memory.limit_in_bytes": "100\n",
})  # fmt: skip


@pytest.mark.parametrize(
    ("table", "files", "names"),
    [
        (*V2, {"memory.max", "cpu.max", "pids.max"}),
        (*V1, {"memory.limit_in_bytes", "cpu.cfs_quota_us", "pids.max"}),
    ],
    ids=["v2", "v1"],
)
def test_limits_and_members_are_found(table: str, files: dict[str, str], names: set[str], tmp_path: Path) -> None:
    places = layout(tmp_path, table, files)

    assert set(limit_files(7, **places)) == names
    assert members(7, **places) == {7, 8, 9}


@pytest.mark.parametrize("table", ["0::/\n", "9:pids:/\n"])
def test_the_whole_host_is_nobodys_container(table: str, tmp_path: Path) -> None:
    places = layout(tmp_path, table, {"cgroup.procs": "1\n7\n", "pids/cgroup.procs": "1\n7\n"})

    assert members(7, **places) == set()


def test_a_process_that_is_gone_has_nothing(tmp_path: Path) -> None:
    assert limit_files(7, proc=tmp_path, mount=tmp_path) == {}
    assert members(7, proc=tmp_path, mount=tmp_path) == set()


@pytest.mark.parametrize(("table", "files"), [V2, V1], ids=["v2", "v1"])
def test_a_controllers_file_is_read_under_either_name(table: str, files: dict[str, str], tmp_path: Path) -> None:
    places = layout(tmp_path, table, files)

    assert text_of(7, "memory", "memory.max", "memory.limit_in_bytes", **places) == "100\n"
    assert text_of(7, "memory", "memory.none", **places) is None
    assert text_of(8, "memory", "memory.max", **places) is None
