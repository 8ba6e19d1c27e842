"""What goes wrong around a fault: full disks, torn journals, other runners, strangers' containers; nothing is injected, or all is taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chaos.effect import RevertFailed
from chaos.faults.container import Paused, Stopped
from chaos.injection import injected
from chaos.journal import Journal, JournalUnwritable
from chaos.lock import ProjectTaken
from chaos.runner import Runner, folder_of, journal_of
from stack.errors import CannotTell, NoEngine
from stack.waiting import eventually
from tests.chaos.fake_stack import FakeStack, container

ROOT = Path(__file__).parents[2]


def test_what_reaches_the_disk_before_the_effect_is_the_whole_intent_and_its_name(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    synced, freeze = os.fsync, Paused.inject

    def fsync(descriptor: int) -> None:
        synced(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_file() and path.suffix != ".jsonl":
            return  # what tells who heals which stack it is about
        events = [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.is_file() else ["folder"]
        seen.append(f"on disk: {events[-1]}")

    def inject(self: Paused, stack: Any) -> None:
        seen.append("effect")
        freeze(self, stack)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Paused, "inject", inject)

    with injected(Paused("shop"), fake):
        pass

    assert seen == ["on disk: intent", "on disk: folder", "effect", "on disk: injected", "on disk: reverted"]


def test_an_intent_that_cannot_be_synced_injects_nothing(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    Runner.of(fake)
    monkeypatch.setattr(os, "fsync", fails)

    with pytest.raises(JournalUnwritable, match=r"fake\.jsonl can't be written: Input/output error"):  # noqa: SIM117
        with injected(Paused("shop"), fake):
            pytest.fail("it stands without an intent on disk")

    assert not Paused("shop").active(fake)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one page where the journal is kept."""
    if os.geteuid():
        pytest.skip("mounting needs root")
    folder = tmp_path / ".seatrial" / "chaos"
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "tiny", str(folder)], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError as full:
            assert full.strerror == "No space left on device"


def use_up_the_page(path: Path) -> None:
    """One more whole line, so that the next one needs a page of its own."""
    line = {"at": "", "event": "healed", "number": "0", "message": ""}
    room = -(path.stat().st_size + len(json.dumps(line)) + 1) % 4096
    with path.open("a") as journal:
        journal.write(json.dumps({**line, "message": "x" * room}) + "\n")
    assert path.stat().st_size % 4096 == 0


def test_a_disk_that_is_full_from_the_start_keeps_everything_whole(fake: Any, tiny: Path) -> None:
    fill(tiny)

    with pytest.raises(CannotTell, match="No space left on device"), injected(Paused("shop"), fake):
        pytest.fail("it stands without anything on disk")

    assert not Paused("shop").active(fake)


def test_on_a_full_disk_nothing_is_injected(fake: Any, tiny: Path) -> None:
    Runner.of(fake).make_ready(Paused("shop"))  # lock, log and watchdog are there
    fill(tiny)

    with pytest.raises(JournalUnwritable, match="No space left on device"):  # noqa: SIM117
        with injected(Paused("shop"), fake):
            pytest.fail("it stands without an intent on disk")

    assert not Paused("shop").active(fake)
    assert journal_of(fake).standing() == []


def test_a_disk_that_fills_while_a_fault_stands_keeps_nobody_from_taking_it_back(fake: Any, tiny: Path) -> None:
    with pytest.raises(JournalUnwritable, match="No space left on device"), injected(Paused("shop"), fake):
        use_up_the_page(journal_of(fake).path)
        fill(tiny)

    assert not Paused("shop").active(fake)
    assert [one.fault["effect"] for one in journal_of(fake).standing()] == ["paused"]
    (tiny / "fill").unlink()

    with injected(Paused("till"), fake):
        pass
    assert [one.fault["effect"] for one in journal_of(fake).standing()] == ["paused"]


def test_over_a_torn_line_nothing_is_injected_and_nothing_guessed(fake: Any) -> None:
    journal = journal_of(fake)
    journal.intend(Paused("till").to_json(), {"services": {}, "incarnations": {}})
    whole = journal.path.read_text()
    journal.path.write_text(whole[:40] + "\n" + whole)

    with pytest.raises(CannotTell, match=r"fake\.jsonl:1: the fault journal is damaged"):  # noqa: SIM117
        with injected(Paused("shop"), fake):
            pytest.fail("it stands beside a journal that nobody can read")

    assert not Paused("shop").active(fake)


HOLDER = """
import sys
from pathlib import Path
from chaos.faults import Paused
from chaos.injection import injected
from tests.chaos.fake_stack import FakeStack
with injected(Paused("shop"), FakeStack(Path(sys.argv[1]))):
    print("standing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def first_runner(fake: FakeStack) -> Iterator[subprocess.Popen[str]]:
    """Another process at whose fault the project stands."""
    argv = [sys.executable, "-c", HOLDER, str(fake.root)]
    holder = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "standing\n"
    yield holder
    holder.communicate("")
    assert holder.returncode == 0


def test_a_second_runner_is_refused_and_the_first_ones_fault_stays(
    fake: Any, first_runner: subprocess.Popen[str]
) -> None:
    told = rf"project fake is being broken by another runner: pid {first_runner.pid} since \d{{4}}-\d\d-\d\dT\d\d:\d\d"

    with pytest.raises(ProjectTaken, match=told), injected(Paused("till"), fake):
        pass

    assert Paused("shop").active(fake)
    assert not Paused("till").active(fake)


def test_the_first_runner_is_no_leftover(fake: Any, first_runner: subprocess.Popen[str]) -> None:
    from chaos.runner import heal_leftovers

    with pytest.raises(ProjectTaken, match=f"pid {first_runner.pid}"):
        heal_leftovers(fake)

    assert Paused("shop").active(fake)


def test_a_target_that_was_removed_for_good_is_no_reason_to_wait_for_ever(fake: Any) -> None:
    class Quick(Stopped):
        revert_within = timedelta(seconds=0.5)

    with pytest.raises(RevertFailed, match="shop: is gone"), injected(Quick("shop"), fake):
        fake.put(lambda found: found.pop(0))


def test_a_stranger_of_the_same_service_name_is_no_target(fake: Any) -> None:
    """The fake engine lists what has the project's label; what a fault asks for is no more than that."""
    stranger = container("bank")
    fake.put(lambda found: found.append({**stranger, "Id": "e" * 64}))

    with injected(Paused("shop"), fake):
        frozen = [one["Name"] for one in fake.driver.containers(all=True) if one["State"]["Paused"]]

    assert frozen == ["/fake-shop-1"]


@pytest.mark.parametrize(
    ("lines", "standing"),
    [
        ([], 0),
        (["intent"], 1),
        (["intent", "injected"], 1),
        (["intent", "injected", "reverted"], 0),
        (["intent", "healed"], 0),
        (["intent", "revert_failed", "healed"], 0),
    ],
)
def test_a_journal_that_is_cut_anywhere_tells_what_stands_of_the_whole_lines(
    tmp_path: Path, lines: list[str], standing: int
) -> None:
    journal = Journal(tmp_path / "one.jsonl")
    number = ""
    for event in lines:
        if event == "intent":
            number = journal.intend(Paused("shop").to_json(), {"services": {}, "incarnations": {}})
        else:
            journal.note(number, event)
    if not lines:
        journal.path.touch()
    text = journal.path.read_text()

    for cut in range(len(text)):
        journal.path.write_text(text[:cut])
        whole = [json.loads(line)["event"] for line in text[:cut].split("\n")[:-1]]
        closed = bool(set(whole) & {"reverted", "healed"})
        assert len(journal.standing()) == ("intent" in whole and not closed)

    journal.path.write_text(text)
    assert len(journal.standing()) == standing


def test_an_engine_that_restarts_while_a_fault_stands_is_waited_for(fake: Any) -> None:
    """As a restart without live-restore is: nobody answers for a while, then every container is found down and started anew."""
    calls = count()
    unpause, listing = fake.driver.unpause, fake.driver.containers

    def not_yet(*_: object, **__: object) -> None:
        if next(calls) < 4:
            raise NoEngine("listing containers: the Docker engine does not answer")

    def unpauses(container_id: str) -> None:
        not_yet()
        unpause(container_id)

    def lists(**options: Any) -> list[dict[str, Any]]:
        not_yet()
        found: list[dict[str, Any]] = listing(**options)
        return found

    with injected(Paused("shop"), fake) as injection:
        fake.driver.unpause, fake.driver.containers = unpauses, lists
        fake.put(lambda found: [one["State"].update(Pid=99, StartedAt="anew") for one in found])

    assert injection.proof is not None
    assert next(calls) > 4
    assert not Paused("shop").active(fake)
    assert journal_of(fake).standing() == []


def test_an_engine_that_stays_away_is_a_failed_revert_that_says_so(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.4))

    def gone(**_: object) -> None:
        raise NoEngine("listing containers: the Docker engine does not answer")

    there = fake.driver.containers
    with pytest.raises(RevertFailed, match="the Docker engine does not answer"), injected(Paused("shop"), fake):
        fake.driver.containers = gone

    fake.driver.containers = there


def test_an_injection_that_the_engine_refuses_half_way_leaves_nothing(fake: Any) -> None:
    def refuse(_id: str) -> None:
        raise CannotTell("pausing: the Docker engine does not answer")

    pause, fake.driver.pause = fake.driver.pause, refuse

    with pytest.raises(CannotTell, match="the Docker engine does not answer"), injected(Paused("shop"), fake):
        pass

    fake.driver.pause = pause
    assert journal_of(fake).standing() == []
    eventually(
        lambda: not (folder_of(fake) / "fake.jsonl").exists() or journal_of(fake).standing() == [],
        within=timedelta(seconds=5),
        every=timedelta(milliseconds=50),
    )
