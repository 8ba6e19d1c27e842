"""The copy for full disks and wrong clocks: what a person named so is never taken down, what a killed rehearsal left is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import rehearsal
from stack.errors import CannotTell
from stack.project import COMPOSE_FILE

FIRST: Any = SimpleNamespace(compose_files=(COMPOSE_FILE,), project="shop")
MARK = Path("faults", "made-for-a-rehearsal")


class Engine:
    """What is there of the copy's project, and what was done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.there: list[dict[str, Any]] = []
        self.volume: list[dict[str, Any]] = []
        self.done: list[str] = []

    def connect(self, project: str, *_: object, **__: object) -> Any:
        assert project == "shop-faults"
        return SimpleNamespace(containers=lambda *, all: self.there, volumes=lambda: self.volume)

    def down(self, project: str, **_: object) -> None:
        self.done.append(f"down {project}")
        (self.folder / MARK).unlink(missing_ok=True)

    def up(self, project: str, **_: object) -> None:
        assert (self.folder / MARK).is_file(), "killed now, nobody would know whose it is"
        self.done.append(f"up {project}")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    found = Engine(tmp_path / "shop-faults")
    second = SimpleNamespace(state_dir=found.folder)
    monkeypatch.setattr(rehearsal, "state_dir", lambda project: tmp_path / project, raising=False)
    monkeypatch.setattr(rehearsal, "Driver", found, raising=False)
    monkeypatch.setattr(rehearsal, "lifecycle", found)
    monkeypatch.setattr(rehearsal, "beside", lambda *_, **__: (second, 2000))
    monkeypatch.setattr(rehearsal, "serving", lambda _stack: ["edge"])
    yield found


@pytest.mark.parametrize("kind", ["there", "volume"])
def test_a_project_that_a_person_named_so_is_left_alone(engine: Engine, kind: str) -> None:
    setattr(engine, kind, [{"Name": "shop-faults_database"}])

    with pytest.raises(CannotTell, match="project shop-faults is there, and no rehearsal made it"):  # noqa: SIM117
        with rehearsal.faultable_copy(FIRST):
            pytest.fail("it is somebody's")

    assert engine.done == []


def test_what_a_killed_rehearsal_left_is_taken_down_first(engine: Engine) -> None:
    (engine.folder / MARK).parent.mkdir(parents=True)
    (engine.folder / MARK).write_text("shop\n")
    engine.there = [{"Name": "shop-faults-edge-1"}]

    with rehearsal.faultable_copy(FIRST):
        assert engine.done == ["down shop-faults", "up shop-faults"]

    assert engine.done[2:] == ["down shop-faults"]
    assert not engine.folder.exists()


def test_it_is_gone_afterwards_and_a_folder_that_was_there_before_stays(engine: Engine) -> None:
    engine.folder.mkdir()
    kept = engine.folder / "theirs"
    kept.touch()

    with rehearsal.faultable_copy(FIRST):
        assert engine.done == ["up shop-faults"]

    assert engine.done[1:] == ["down shop-faults"]
    assert kept.exists()
    assert not (engine.folder / MARK).exists()
