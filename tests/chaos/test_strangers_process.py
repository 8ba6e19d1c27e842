"""An engine inside of a container counts its own processes: what has such a number here is a stranger's, and is let alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import cgroup, limits, netns, volume_files
from chaos.limits import Program
from stack import cgroups
from stack.completed import Completed
from tests.chaos.test_limits import SHOWN


class Engine:
    """On this machine by its address; its containers' numbers mean other processes here (ours)."""

    def __init__(self, stdout: str = "") -> None:
        self.stdout = stdout
        self.asked: list[tuple[Sequence[str], dict[str, Any]]] = []

    def is_local(self) -> bool:
        return True

    def run_helper(self, argv: Sequence[str], **options: Any) -> Completed:
        self.asked.append((argv, options))
        return Completed(tuple(argv), 0, self.stdout, "", 0.1)

    def exec(self, _id: str, argv: Sequence[str]) -> Completed:
        self.asked.append((argv, {}))
        return Completed(tuple(argv), 0, "their own", "", 0.1)


CONTAINER = {
    "Id": "f" * 64,
    "Name": "/edge-1",
    "State": {"Pid": os.getpid()},
    "HostConfig": {"Init": True},
    "Config": {"User": "101"},
}


def stack_of(engine: Engine) -> Any:
    return SimpleNamespace(driver=engine)


@pytest.mark.parametrize("look", [volume_files.exists, volume_files.is_file, volume_files.remove])
def test_files_are_looked_at_and_removed_by_a_helper(look: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    engine = Engine()

    look(stack_of(engine), CONTAINER, str(kept))

    assert volume_files.here(stack_of(engine), CONTAINER, str(kept)) is None
    assert kept.exists()
    assert [options["volumes_from"] for _, options in engine.asked] == ["f" * 64]


def test_programs_are_those_that_a_helper_sees_and_limits_are_set_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(SHOWN)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a stranger's limit is lowered"))
    monkeypatch.setattr(cgroups, "members", lambda _pid: pytest.fail("a stranger's group is read"))

    _, found = limits.programs(stack_of(engine), CONTAINER)
    limits.limit(stack_of(engine), CONTAINER, found[0], 5)

    assert [one.pid for one in found] == [7, 8]
    assert [options["pid"] for _, options in engine.asked] == [f"container:{'f' * 64}"] * 2
    assert engine.asked[1][0] == ["prlimit", "--pid", "7", "--nofile=5:4096"]


def test_a_program_whose_number_is_a_strangers_by_now_is_let_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a stranger's limit is lowered"))
    ended = Program(os.getpid(), 1, "nginx", 101, 102, 10, 10, frozenset(), seen_here=True)

    limits.limit(stack_of(engine), CONTAINER, ended, 5)

    assert engine.asked == []


def test_a_control_group_is_asked_for_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(cgroups, "text_of", lambda *_: "a stranger's")

    assert cgroup.text(stack_of(engine), CONTAINER, "memory", "memory.stat") == "their own"


def test_a_process_that_is_the_containers_is_looked_at_here_unless_a_link_is_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netns, "is_seen_here", lambda _container: True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "way").symlink_to(tmp_path / "folder")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    engine = Engine()
    stack = stack_of(engine)

    assert volume_files.here(stack, CONTAINER, str(tmp_path / "way" / "x")) is None
    assert volume_files.here(stack, CONTAINER, str(tmp_path / ".." / "x")) is None
    assert volume_files.is_file(stack, CONTAINER, str(tmp_path / "file"))
    assert not volume_files.is_file(stack, CONTAINER, str(tmp_path / "link"))
    assert volume_files.exists(stack, CONTAINER, str(tmp_path / "link"))
    assert not volume_files.exists(stack, CONTAINER, str(tmp_path / "none"))
    volume_files.remove(stack, CONTAINER, str(tmp_path / "link"))
    assert not (tmp_path / "link").is_symlink()
    assert engine.asked == []
