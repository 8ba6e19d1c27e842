"""A budget in a session: nothing is forgotten, what is not run is INCONCLUSIVE with the reason, and bad input is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.coverage import Cell
from chaos.experiment import Experiment, Probe
from chaos.faults.container import Paused
from chaos.selection import Selection
from stack.errors import CannotTell
from stack.project import ROOT

CELL = frozenset({Cell("container", "critical")})


class Item:
    """A collected test that stands for an experiment, or for something else."""

    def __init__(self, experiment: Experiment | None = None, *, absent: bool = False) -> None:
        self._marks: dict[str, Any] = {}
        self.own_markers: list[Any] = []
        if experiment is not None:
            self._marks["experiment"] = SimpleNamespace(args=(experiment, CELL))
        if absent:
            self._marks["nothing_to_check"] = SimpleNamespace(args=("none",))

    def get_closest_marker(self, name: str) -> Any:
        """As pytest's."""
        return self._marks.get(name)


def experiment(number: int) -> Experiment:
    return Experiment(
        id=f"EXP-FAK-{number:03}",
        hypothesis="nothing happens",
        fault=Paused(f"shop-{number}"),
        steady_state=(Probe("well", lambda _stack: None),),
    )


ONE, TWO, THREE = (Item(experiment(number)) for number in (1, 2, 3))


def selected(items: list[Item], text: str | None, tmp_path: Path, **seconds: float) -> Selection:
    results = [{"id": id.replace("_", "-"), "seconds": taken, "outcome": "PASS"} for id, taken in seconds.items()]
    last = tmp_path / "results.json"
    last.write_text(json.dumps({"results": results}))
    return Selection(items, text, last=last)  # type: ignore[arg-type]


def test_other_tests_keep_their_places(tmp_path: Path) -> None:
    other = Item()
    items: list[Any] = [THREE, other, TWO, ONE]

    selected(items, None, tmp_path).arrange(items)

    assert items[1] is other
    assert set(items) == {ONE, TWO, THREE, other}


def test_those_that_were_picked_come_first(tmp_path: Path) -> None:
    items: list[Any] = [ONE, TWO, THREE]

    selected(items, "10s", tmp_path, EXP_FAK_001=60, EXP_FAK_002=60, EXP_FAK_003=5).arrange(items)

    assert items[0] is THREE


def test_without_a_budget_nothing_is_refused(tmp_path: Path) -> None:
    selection = selected([ONE], None, tmp_path)

    selection.begin(ONE)  # type: ignore[arg-type]
    selection.refuse_if_late(ONE)  # type: ignore[arg-type]

    assert selection.lines() == []


def test_one_that_was_left_out_is_not_run_and_says_why(tmp_path: Path) -> None:
    selection = selected([ONE, TWO], "10s", tmp_path, EXP_FAK_001=60, EXP_FAK_002=5)
    selection.begin(TWO)  # type: ignore[arg-type]

    selection.refuse_if_late(TWO)  # type: ignore[arg-type]
    with pytest.raises(CannotTell, match=r"not run: of the budget of 10 s 0 s were spent, and it takes about 60 s"):
        selection.refuse_if_late(ONE)  # type: ignore[arg-type]


def test_one_that_was_picked_is_not_begun_once_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = selected([ONE], "10s", tmp_path, EXP_FAK_001=5)
    selection.begin(ONE)  # type: ignore[arg-type]
    begun = selection._begun
    assert begun is not None
    monkeypatch.setattr("chaos.selection.time.monotonic", lambda: begun + timedelta(seconds=11).total_seconds())

    with pytest.raises(CannotTell, match="not run"):
        selection.refuse_if_late(ONE)  # type: ignore[arg-type]


def test_one_that_was_left_out_runs_when_time_remains_after_all(tmp_path: Path) -> None:
    selection = selected([ONE, TWO], "10s", tmp_path, EXP_FAK_001=6, EXP_FAK_002=5)
    selection.begin(TWO)  # type: ignore[arg-type]

    selection.refuse_if_late(ONE)  # type: ignore[arg-type]


def test_what_the_stack_lacks_takes_no_time_of_the_budget(tmp_path: Path) -> None:
    selection = selected([ONE, Item(experiment(4), absent=True)], "1h", tmp_path)

    assert "1 experiments" in selection.lines()[0]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--budget=nonsense", "--budget nonsense: must be a time with its unit"),
        ("--budget=0", "--budget 0: must be a time with its unit"),
        ("--budget=5", "--budget 5: must be a time with its unit"),
        ("--budget=", "--budget : must be a time with its unit"),
        ("--steady-state=never", "'never' is none of before, during, after, continuously"),
        ("--steady-state=", "is none of before, during, after, continuously"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_4(option: str, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "chaos", "--collect-only", "-q", option],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 4
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
