"""The experiments of this repository cover every family of faults on every tier, and a gap is named, never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import __main__ as command
from chaos.__main__ import main
from chaos.coverage import CELLS, Cell, cells_of, matrix, table, tiers_of
from chaos.experiment import Experiment, Probe
from chaos.experiments import every
from chaos.faults.container import Killed, Paused
from chaos.faults.network import Disconnected
from chaos.schedule import Schedule, Step
from stack.profile import Profile
from stack.project import COMPOSE_FILE

TIERS = {"shop": "critical", "till": "important", "lamp": "auxiliary"}
WELL = (Probe("well", lambda _stack: None),)


def experiment(fault: Killed | Schedule, id: str = "EXP-FAK-001") -> Experiment:
    return Experiment(id=id, hypothesis="nothing happens", fault=fault, steady_state=WELL)


@pytest.fixture(scope="module")
def tiers() -> dict[str, str]:
    return tiers_of(Profile.load(COMPOSE_FILE.with_name("profile.toml")))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_family_is_tried_on_every_tier(cell: Cell, tiers: dict[str, str]) -> None:
    assert matrix(every(), tiers)[cell], f"no experiment covers {cell}"


def test_there_are_at_least_thirty_experiments() -> None:
    assert len(every()) >= 30


def test_every_target_of_every_experiment_has_a_tier(tiers: dict[str, str]) -> None:
    unknown = {(one.id, name) for one in every() for name in one.targets if name not in tiers}

    assert not unknown


def test_a_fault_with_several_targets_covers_the_tier_of_each() -> None:
    assert cells_of(experiment(Killed("shop", ("lamp",))), TIERS) == {
        Cell("container", "critical"),
        Cell("container", "auxiliary"),
    }


def test_a_schedule_covers_each_fault_with_its_own_targets_only() -> None:
    both = Schedule((Step(Paused("shop")), Step(Disconnected("till", "net"))))

    assert cells_of(experiment(both), TIERS) == {Cell("container", "critical"), Cell("network", "important")}


def test_a_service_without_a_tier_covers_nothing() -> None:
    assert cells_of(experiment(Killed("ghost")), TIERS) == frozenset()


def test_what_nobody_covers_stands_in_the_matrix_and_is_empty() -> None:
    covered = matrix([experiment(Killed("shop"))], TIERS)

    assert set(covered) == set(CELLS)
    assert covered[Cell("container", "critical")] == ["EXP-FAK-001"]
    assert covered[Cell("data", "auxiliary")] == []
    assert table(covered).count("nobody") == len(CELLS) - 1


def test_a_person_sees_each_experiment_with_its_family_tier_seconds_and_hypothesis(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LAST_RUN", tmp_path / "none.json")
    assert main(["experiments"]) == 0

    shown = capsys.readouterr().out
    for one in every():
        line = next(line for line in shown.splitlines() if line.startswith(one.id))
        assert line.endswith(one.hypothesis)
        assert f"~{one.expected.total_seconds():.0f} s" in line
    assert f"{len(every())} experiments" in shown
    assert "the machines EXP-DEP-001, EXP-ORD-001" in shown


def test_results_that_are_none_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments", "--results", str(tmp_path / "none.json")]) == 4
    assert capsys.readouterr().err == f"--results {tmp_path / 'none.json'}: no results.json of a run with experiments\n"
