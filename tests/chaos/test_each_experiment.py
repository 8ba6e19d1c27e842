"""Each experiment, as it stands, on a pretended marketplace: it holds where its hypothesis is true and fails where it is not."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.effect import Fault
from chaos.experiment import Experiment, Outcome, Verdict, run
from chaos.experiments import every
from chaos.faults.container import Paused, Restarted
from chaos.runner import close
from chaos.wording import spoken
from stack.errors import CannotTell
from tests.chaos.fake_stack import FakeDriver, FakeStack

SERVICES = (
    "nginx",
    "server-blue",
    "monerod",
    "monero-wallet-rpc-buyer",
    "monero-wallet-rpc-vendor",
    "monero-wallet-rpc-arbiter",
    "prometheus",
    "alertmanager",
    "loki",
)
FASTER = 0.1
"""The experiments' times, and the world's, pass ten times as fast."""
EXPERIMENTS = {experiment.id: experiment for experiment in every()}
SILENT = 0
"""In place of a status: the edge does not answer in time."""


@dataclass(frozen=True)
class World:
    """How a marketplace behaves: what its edge answers while a fault stands and afterwards, and what never comes back."""

    standing: Mapping[str, int] = field(default_factory=dict)
    """Status by path while the fault stands; 200 for the others."""
    after: Mapping[str, int] = field(default_factory=dict)
    """The same once it is over, for as long as `limps`."""
    limps: float = 60.0
    """Seconds of the real world."""
    lost: str = ""
    """A service that is not well again."""
    mute: str = ""
    """A wallet that does not answer while the fault stands."""


class _Engine(FakeDriver):
    """The fake engine, which notes when something was broken and when that ended."""

    lost = ""
    broken = False
    ended: float | None = None

    def pause(self, container_id: str) -> None:
        self.broken = True
        super().pause(container_id)

    def unpause(self, container_id: str) -> None:
        super().unpause(container_id)
        self.ended = time.monotonic()

    def restart(self, container_id: str, *, grace_seconds: int = 10) -> None:
        super().restart(container_id, grace_seconds=grace_seconds)
        self.broken, self.ended = True, time.monotonic()

    def inspect(self, container_id: str) -> dict[str, Any]:
        found = super().inspect(container_id)
        if self.broken and found["Config"]["Labels"]["com.docker.compose.service"] == self.lost:
            found["State"]["Health"] = {"Status": "unhealthy"}
        return found


class Marketplace(FakeStack):
    """The fake stack with an edge and wallets that answer as a World says."""

    def __init__(self, root: Path, world: World) -> None:
        """All services, well."""
        super().__init__(root, SERVICES)
        self.project = root.name  # a probe looks the edge of a project up once
        self.world = world
        self.engine = _Engine(self.driver.file)
        self.engine.env, self.engine.lost = self.driver.env, world.lost
        self.driver = self.engine
        self.edge = SimpleNamespace(session=lambda **_options: nullcontext(SimpleNamespace(get=self._get)))

    def wallet(self, name: str) -> Any:
        """The wallet's client."""

        def height() -> int:
            if name == self.world.mute and self.engine.broken:
                raise CannotTell(f"wallet {name} does not answer")
            return 1

        return SimpleNamespace(height=height)

    def _get(self, path: str) -> Any:
        normal = {"/edge-health": 404}.get(path, 200)
        ended = self.engine.ended
        if not self.engine.broken:
            status = normal
        elif ended is None:
            status = self.world.standing.get(path, normal)
        elif time.monotonic() - ended < self.world.limps * FASTER:
            status = self.world.after.get(path, normal)
        else:
            status = normal
        if status == SILENT:
            raise requests.ReadTimeout
        return SimpleNamespace(status_code=status)


def hastened(experiment: Experiment) -> Experiment:
    """The experiment with a fault that the fake engine can have, and ten times as fast."""
    target = experiment.fault.targets[0]
    fault: Fault = Restarted(target) if experiment.unaided else Paused(target)
    return replace(
        experiment,
        fault=fault,
        during=tuple(replace(probe, within=probe.within * FASTER) for probe in experiment.during),
        throughout=tuple(replace(one, outage=one.outage * FASTER) for one in experiment.throughout),
        hold=experiment.hold * FASTER,
        recover_within=experiment.recover_within * FASTER,
        quiet_before=timedelta(0),
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.experiment._EVERY", timedelta(milliseconds=10))


LISTINGS = "/api/listings"
AWAY = {LISTINGS: 502}
SOUND = {
    "EXP-NET-002": World(standing=AWAY),
    "EXP-SRV-001": World(standing={LISTINGS: SILENT}),
    "EXP-EDG-001": World(after={LISTINGS: SILENT, "/health": SILENT}, limps=2),
    "EXP-MON-001": World(),
}
"""What is allowed to be wrong for a while; the other experiments allow nothing."""

BROKEN = [
    ("EXP-EDG-001", World(after={LISTINGS: SILENT}, limps=5), "the edge serves /api/listings: not for .* allowed 0.3 s"),
    ("EXP-EDG-001", World(lost="nginx"), "not steady again by itself within 1 s: .*nginx is unhealthy"),
    ("EXP-MON-001", World(after=AWAY, limps=1), "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    ("EXP-MON-001", World(lost="loki"), "not steady again by itself within 3 s: .*loki is unhealthy"),
    ("EXP-NET-001", World(standing={LISTINGS: SILENT}), "the edge serves /api/listings: not for .* allowed 0 s .*ReadTimeout"),
    ("EXP-NET-001", World(standing={"/health": 503}), "the edge serves /health: not for .* allowed 0 s .*503"),
    ("EXP-NET-001", World(lost="monerod"), "not steady again after the revert .*monerod is unhealthy"),
    ("EXP-NET-002", World(standing={LISTINGS: SILENT}), "during .*: the edge answers .*502 or 503 or 504: .*ReadTimeout"),
    ("EXP-NET-002", World(standing=AWAY, after=AWAY), "not steady again after the revert within 0.3 s: .*502"),
    ("EXP-NET-003", World(standing={LISTINGS: SILENT}), "during .*: the edge serves /api/listings: .*ReadTimeout"),
    ("EXP-NET-003", World(standing={LISTINGS: 504}), "the edge serves /api/listings: not for .* allowed 0 s .*504"),
    ("EXP-SRV-001", World(standing={"/edge-health": SILENT}), "during .*: the edge answers /edge-health with 404: .*ReadTimeout"),
    ("EXP-SRV-001", World(after=AWAY), "not steady again after the revert within 0.3 s: .*502"),
    ("EXP-WAL-001", World(mute="buyer"), "during .*: wallet buyer answers: wallet buyer does not answer"),
    ("EXP-WAL-001", World(standing={LISTINGS: 500}), "the edge serves /api/listings: not for .* allowed 0 s .*500"),
    ("EXP-WAL-001", World(lost="monero-wallet-rpc-arbiter"), "not steady again after the revert .*arbiter is unhealthy"),
]


def verdict_on(id: str, world: World, root: Path) -> Verdict:
    """What the experiment says of this world."""
    stack: Any = Marketplace(root, world)
    try:
        return run(hastened(EXPERIMENTS[id]), stack)
    finally:
        close(stack)


@pytest.mark.parametrize("id", sorted(EXPERIMENTS))
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, SOUND.get(id, World()), tmp_path)

    assert verdict.outcome is Outcome.HELD, verdict.reason


@pytest.mark.parametrize(("id", "world", "says"), BROKEN)
def test_it_fails_where_its_hypothesis_is_false(id: str, world: World, says: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, world, tmp_path)

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert re.search(says, verdict.reason), verdict.reason


def test_no_experiment_was_forgotten() -> None:
    assert {id for id, _, _ in BROKEN} == set(EXPERIMENTS)


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


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_a_duration_in_a_hypothesis_is_a_bound_that_is_held(experiment: Experiment) -> None:
    promised = {one.outage.total_seconds() for one in experiment.throughout if one.outage}
    answers = {p.answer_within.total_seconds() for p in experiment.during if p.answer_within}
    bounds = {experiment.recover_within.total_seconds()} | promised | answers
    bounds |= {value / 1000 for name, value in experiment.fault.parameters.items() if name == "milliseconds"}

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
