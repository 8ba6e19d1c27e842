"""The campaign's judge where its tools fail or are missing: it says so and leaves with 4, and never finds a stack clean that it did not see."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from chaos.campaign import judge
from chaos.campaign.trial import Judge
from stack.errors import CannotTell

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="the judge looks into namespaces, which needs root")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all the tools there are: an engine without a container, and nothing that stands."""
    for name in ("docker", "losetup", "iptables-save"):
        put(tmp_path, name, "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(judge, "AGAIN_SECONDS", 0.3)
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_missing_tool_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(judge.CannotJudge, match="nsenter"):
        judge._network(os.getpid())


@pytest.mark.parametrize("name", ["docker", "losetup", "iptables-save"])
def test_a_tool_that_fails_is_no_answer(tools: Path, name: str) -> None:
    assert judge.snapshot("shop")["helpers"] == []
    put(tools, name, "echo it is broken >&2; exit 3")

    with pytest.raises(judge.CannotJudge, match=f"{name}.* ended with 3: it is broken"):
        judge.snapshot("shop")


def test_a_process_that_is_gone_is_no_answer() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()

    with pytest.raises(judge.CannotJudge, match="mountinfo"):
        judge._mounts(gone.pid)
    with pytest.raises(judge.CannotJudge, match="cgroup"):
        judge._processes(gone.pid, {"Config": {}})


@ROOT_ONLY
@pytest.mark.parametrize("name", ["docker", "losetup", "iptables-save"])
def test_both_commands_leave_with_4_and_a_sentence(
    tools: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps(judge.snapshot("shop")))
    assert judge.main(["compare", str(before), "shop", "0"]) == 0
    put(tools, name, "echo it is broken >&2; exit 3")

    for argv in (["snapshot", "shop"], ["compare", str(before), "shop", "0"]):
        assert judge.main(argv) == 4
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("it can't be judged: ")
        assert told.err.count("\n") == 1


@ROOT_ONLY
def test_a_tool_that_fails_once_is_asked_again(tools: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps(judge.snapshot("shop")))
    put(tools, "losetup", f"test -e {tmp_path}/asked && exit 0; touch {tmp_path}/asked; exit 1")

    assert judge.main(["compare", str(before), "shop", "0"]) == 0
    assert (tmp_path / "asked").exists()


@ROOT_ONLY
def test_what_nobody_foresaw_is_no_leftover(
    tools: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(_project: str) -> None:
        raise KeyError("Mounts")

    monkeypatch.setattr(judge, "snapshot", unforeseen)

    assert judge.main(["snapshot", "shop"]) == 4
    assert capsys.readouterr().err == "it can't be judged: KeyError: 'Mounts'\n"


@pytest.mark.parametrize("code", [1, 4])
def test_the_campaign_takes_no_silent_judge_for_a_clean_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    file = tmp_path / "judge.py"
    file.write_text("print('{}')")
    monkeypatch.setattr("chaos.campaign.trial._JUDGE", file)
    one = Judge("shop", tmp_path)
    file.write_text(f"import sys; print('docker is gone', file=sys.stderr); sys.exit({code})")

    with pytest.raises(CannotTell, match="docker is gone"):
        one.leftovers(within=0)
    with pytest.raises(CannotTell, match="docker is gone"):
        one.look()


def test_a_frozen_containers_clock_is_not_asked_and_is_not_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert judge._clock({"Id": "a", "State": {"Paused": True}}) != "right"
    with pytest.raises(judge.CannotJudge):
        judge._clock({"Id": "a", "State": {"Paused": False}})
