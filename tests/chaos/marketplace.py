"""A pretended marketplace that behaves as a test says, on which every experiment is tried as it stands: it holds, and it fails.

`verdict_on("EXP-SRV-001", World(standing={LISTINGS: SILENT}), tmp_path)`. A file of experiments' tests has a module-level
`BROKEN`, tuples that begin with an id: tests/chaos/test_each_experiment.py looks that no experiment is missing in all of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.acknowledged import RATE
from chaos.customers import Customers, Seen
from chaos.effect import Fault
from chaos.experiment import Experiment, Verdict, run
from chaos.experiments import every
from chaos.faults.container import Paused, Restarted
from chaos.runner import close
from chaos.schedule import Schedule, Step
from load.live import Request
from stack.errors import CannotTell
from stack.journey import Ack, Losses
from tests.chaos.fake_stack import FakeDriver, FakeStack

LISTINGS = "/api/listings"
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
    "promtail",
    "alert-receiver",
    "grafana",
    "engine-api-proxy",
    "node-exporter",
    "monero-exporter",
    "blackbox-exporter",
    "nginx-exporter",
    "backup-database",
    "backup-wallets",
)
FASTER = 0.1
"""The experiments' times, and the world's, pass ten times as fast."""
EVERY = {experiment.id: experiment for experiment in every()}
"""All experiments, by id."""
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
    loses: int = 0
    """How many acknowledged writes are gone afterwards."""


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
    """The experiment with faults that the fake engine can have, and ten times as fast."""
    return replace(
        experiment,
        fault=_pretended(experiment),
        witness=None,
        during=tuple(replace(probe, within=probe.within * FASTER) for probe in experiment.during),
        throughout=tuple(replace(one, outage=one.outage * FASTER) for one in experiment.throughout),
        users=None if experiment.users is None else experiment.users * FASTER,
        hold=experiment.hold * FASTER,
        recover_within=experiment.recover_within * FASTER,
        settles_within=experiment.settles_within * FASTER,
        ready=experiment.ready and replace(experiment.ready, within=experiment.ready.within * FASTER),
        quiet_before=timedelta(0),
        stage=None,
    )


def _pretended(experiment: Experiment) -> Fault | Schedule:
    """Of each fault's first target: restarted where the stack must recover by itself, else frozen until the revert."""
    schedule = Schedule.of(experiment.fault)
    kind = Restarted if experiment.unaided else Paused
    if schedule.steps == (Step(experiment.faults[0]),):
        return kind(experiment.fault.targets[0])
    steps = [
        replace(
            step,
            fault=kind(step.fault.targets[0]),
            after=step.after * FASTER,
            stands=None if step.stands is None else step.stands * FASTER,
        )
        for step in schedule.steps
    ]
    first = {step.fault: step for step in reversed(steps)}
    return Schedule(tuple(step for step in steps if first[step.fault] is step))


class Met:
    """Customers who were all served, or who met this failure from when a fault stood until they were served again."""

    def __init__(self, failure: str = "", *, seconds: float = 0.0, late: str = "") -> None:
        """`seconds` of the real world, in the middle of the experiment."""
        self._failure, self._seconds, self._late = failure, seconds * FASTER, late

    def between(self, began: float, ended: float) -> Seen:
        """Ten requests a second of the pretended world."""
        ended = max(ended, began + 2 * self._seconds)
        ticks = [began + number * FASTER / 10 for number in range(max(1, int((ended - began) / (FASTER / 10))))]
        middle = (began + ended - self._seconds) / 2
        bad = self._seconds > 0
        requests = tuple(
            Request(at, 0.0, 0.01, self._failure if bad and middle <= at < middle + self._seconds else "")
            for at in ticks
        )
        return Seen(began, ended, requests, self._late)


SERVED = Met()


class _Memory:
    """A journey whose every write is acknowledged, and that remembers all but what the world loses."""

    def __init__(self, loses: int) -> None:
        self._loses, self._number = loses, 0

    def act(self) -> Ack:
        """One more."""
        self._number += 1
        return Ack(self._number, "order", 0.0, str(self._number))

    def verify(self, acks: Sequence[Ack]) -> Losses:
        """The first ones are lost."""
        return Losses(lost=tuple(acks[: self._loses]))


class _Asleep:
    """A watchdog that has nothing to watch: what it does is tested with a real one, elsewhere."""

    pid = None

    def __init__(self, *_: object) -> None:
        """Start nothing."""

    def is_alive(self) -> bool:
        """As far as anybody asks."""
        return True

    def wait_until_ready(self) -> None:
        """At once."""

    def close(self) -> None:
        """Nothing to end."""


def verdict_on(experiment: Experiment | str, world: World, root: Path, *, customers: Customers = SERVED) -> Verdict:
    """What the experiment (or the one of this id) says of this world."""
    stack: Any = Marketplace(root, world)
    chosen = EVERY[experiment] if isinstance(experiment, str) else experiment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chaos.trial.EVERY", timedelta(milliseconds=10))
        patch.setattr("chaos.acknowledged.journey_of", lambda _stack: _Memory(world.loses))
        patch.setattr("chaos.acknowledged.RATE", RATE / FASTER)
        patch.setattr("chaos.runner.Lease", _Asleep)  # a process, whose start would take longer than the experiment
        try:
            return run(hastened(chosen), stack, customers=customers)
        finally:
            close(stack)
