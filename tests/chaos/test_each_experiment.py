"""Each of the first experiments, as it stands, on a pretended marketplace, and for all: none without a named way to fail."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.experiment import Experiment, Outcome
from chaos.schedule import Schedule
from chaos.wording import spoken
from tests.chaos.marketplace import EVERY, LISTINGS, SILENT, World, verdict_on

AWAY = {LISTINGS: 502}
SOUND = {
    "EXP-NET-002": World(standing=AWAY),
    "EXP-SRV-001": World(standing={LISTINGS: SILENT}),
    "EXP-EDG-001": World(after={LISTINGS: SILENT, "/health": SILENT}, limps=2),
    "EXP-MON-001": World(),
}
"""What is allowed to be wrong for a while; the other experiments allow nothing."""

BROKEN = [
    ("EXP-EDG-001", World(after={LISTINGS: SILENT}, limps=15), "the edge serves /api/listings: not for .* allowed 1 s"),
    ("EXP-EDG-001", World(lost="nginx"), "not steady again by itself within 2 s: .*nginx is unhealthy"),
    ("EXP-MON-001", World(after=AWAY, limps=1), "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    ("EXP-MON-001", World(lost="loki"), "not steady again by itself within 3 s: .*loki is unhealthy"),
    ("EXP-NET-001", World(standing={LISTINGS: SILENT}), "the edge serves /api/listings: not for .* allowed 0 s .*ReadTimeout"),
    ("EXP-NET-001", World(standing={"/health": 503}), "the edge serves /health: not for .* allowed 0 s .*503"),
    ("EXP-NET-001", World(lost="monerod"), "not steady again after the revert .*monerod is unhealthy"),
    ("EXP-NET-002", World(standing={LISTINGS: SILENT}), "during .*: the edge answers .*502 or 503 or 504: .*ReadTimeout"),
    ("EXP-NET-002", World(standing=AWAY, after=AWAY), "not steady again after the revert within 1 s: .*502"),
    ("EXP-NET-003", World(standing={LISTINGS: SILENT}), "during .*: the edge serves /api/listings: .*ReadTimeout"),
    ("EXP-NET-003", World(standing={LISTINGS: 504}), "the edge serves /api/listings: not for .* allowed 0 s .*504"),
    ("EXP-SRV-001", World(standing={"/edge-health": SILENT}), "during .*: the edge answers /edge-health with 404: .*ReadTimeout"),
    ("EXP-SRV-001", World(after=AWAY), "not steady again after the revert within 1 s: .*502"),
    ("EXP-WAL-001", World(mute="buyer"), "during .*: wallet buyer answers: wallet buyer does not answer"),
    ("EXP-WAL-001", World(standing={LISTINGS: 500}), "the edge serves /api/listings: not for .* allowed 0 s .*500"),
    ("EXP-WAL-001", World(lost="monero-wallet-rpc-arbiter"), "not steady again after the revert .*arbiter is unhealthy"),
]


@pytest.mark.parametrize("id", sorted({id for id, _, _ in BROKEN}))
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, SOUND.get(id, World()), tmp_path)

    assert verdict.outcome is Outcome.HELD, verdict.reason


@pytest.mark.parametrize(("id", "world", "says"), BROKEN)
def test_it_fails_where_its_hypothesis_is_false(id: str, world: World, says: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, world, tmp_path)

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert re.search(says, verdict.reason), verdict.reason


def test_no_experiment_was_forgotten() -> None:
    here = Path(__file__).parent
    files = [Path(__file__), *here.glob("test_*_experiments.py"), *here.glob("test_experiments_*.py")]
    modules = [importlib.import_module(f"tests.chaos.{file.stem}") for file in files]

    tried = {case[0] for module in modules for case in getattr(module, "BROKEN", ())}

    assert set(EVERY) <= tried, f"seen to fail nowhere: {sorted(set(EVERY) - tried)}"


_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_DURATION = re.compile(rf"\b(\d+|{'|'.join(_NUMBERS)}) (ms|seconds?|minutes?)\b")
_UNITS = {"ms": 0.001, "second": 1.0, "minute": 60.0}
_RECOVERY = re.compile(r"within (?P<how_long>\S+ \w+) (?:of its return|after)|back within (?P<back>\S+ \w+)")


def seconds(text: str) -> list[float]:
    """The durations a sentence names."""
    return [
        float(_NUMBERS.get(number, 0) or number) * _UNITS[unit.rstrip("s") if unit != "ms" else unit]
        for number, unit in _DURATION.findall(text)
    ]


@pytest.mark.parametrize("experiment", EVERY.values(), ids=EVERY)
def test_a_duration_in_a_hypothesis_is_a_bound_that_is_held(experiment: Experiment) -> None:
    promised = {one.outage.total_seconds() for one in experiment.throughout if one.outage}
    asked = (*experiment.during, *(one.probe for one in experiment.throughout))
    answers = {probe.answer_within.total_seconds() for probe in asked if probe.answer_within}
    bounds = {experiment.recover_within.total_seconds()} | promised | answers
    bounds |= {probe.within.total_seconds() for probe in experiment.during}
    bounds |= {experiment.users.total_seconds()} if experiment.users else set()
    numbers = [item for fault in experiment.faults for item in fault.parameters.items()]
    bounds |= {value / 1000 for name, value in numbers if name == "milliseconds"}
    bounds |= {step.stands.total_seconds() for step in Schedule.of(experiment.fault).steps if step.stands}

    assert set(seconds(experiment.hypothesis)) <= bounds, experiment.hypothesis
    for match in _RECOVERY.finditer(experiment.hypothesis):
        assert seconds(match[0]) == [experiment.recover_within.total_seconds()], experiment.hypothesis


@pytest.mark.parametrize(
    ("bound", "words"), [(0.2, "200 ms"), (1, "a second"), (1.5, "1500 ms"), (3, "three seconds"), (30, "30 seconds")]
)
def test_a_bound_is_spoken_as_people_say_it_and_read_back(bound: float, words: str) -> None:
    assert spoken(timedelta(seconds=bound)) == words
    assert seconds(f"served within {words}, says everybody") == [bound]


def test_no_time_is_no_bound() -> None:
    with pytest.raises(ValueError, match="too short"):
        spoken(timedelta(0))
