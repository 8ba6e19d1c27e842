"""Kill services as a crash would, watch them come back by themselves, and keep asking what must serve meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chaos.experiment import Probe, up_for
from chaos.faults.container import Killed, Paused
from chaos.health import health_of
from chaos.injection import injected
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.sampling import Sampler, Series
from stack.errors import CannotTell
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Service, Stack

FROZEN_FOR = timedelta(seconds=2)
_EVERY = 0.1
_WELL = ("healthy", "none")
_OURS = frozenset({"kill", "stop", "restart", "create", "destroy", "pause", "unpause", "rename", "update"})
"""Engine events that a call causes, and the restart policy doesn't (it causes die and start)."""


@dataclass(frozen=True)
class Recovery:
    """What became of one killed service."""

    service: str
    seconds: float | None
    """From the kill to its own health check's content; None when it did not come back in time."""
    restarts: int
    """How often the engine's policy started it anew."""
    foreign: tuple[str, ...]
    """Engine events about it that some call must have caused."""
    outages: tuple[tuple[str, Series], ...]
    """What was asked meanwhile of that which must serve, by the probe's name."""
    together: tuple[str, ...]
    """Which services were killed in the same moment."""
    edge: Series | None
    """What the edge answered meanwhile, for the record."""
    thaw: Thaw | None = None
    """What became of it when it was frozen for a moment."""


@dataclass(frozen=True)
class Thaw:
    """What became of services that were frozen together for a moment."""

    seconds: float
    """From the thaw to all of them being well again, and all else what it was."""
    outages: tuple[tuple[str, str, Series], ...]
    """What was asked meanwhile: the profile's word for it, the probe's name, the answers."""


def waves(services: Sequence[Service], tier_of: Mapping[str, str]) -> list[list[str]]:
    """Who is killed with whom: each critical service alone, so that its effect is its own; all others in one go."""
    alone = [[service.name] for service in services if tier_of[service.name] == "critical"]
    rest = [service.name for service in services if tier_of[service.name] != "critical"]
    return [*alone, rest] if rest else alone


def subjects(stack: Stack) -> list[Service]:
    """The services that somebody promised will recover."""
    return [s for s in stack.services if not s.idle and not s.one_shot and stack.profile.recovery(s.name) is not None]


def probes_for(stack: Stack, killed: Iterable[str]) -> dict[str, tuple[Probe, ...]]:
    """What must serve while these are away, by the profile's word for it: edge paths (with a slash) and services."""
    wanted = dict.fromkeys(name for one in killed for name in stack.profile.service(one).must_serve)
    return {name: _probes(stack, name) for name in wanted if name not in killed}


def _probes(stack: Stack, name: str) -> tuple[Probe, ...]:
    if name.startswith("/"):
        return (edge_serves(name),)
    if name == stack.profile.stack.edge:
        # Its health check alone would not show that pages come through it.
        return (edge_serves(stack.profile.stack.health_path),)
    return (healthy(name),)


def fit_to_kill(stack: Stack, wave: Iterable[str]) -> tuple[list[str], dict[str, CannotTell]]:
    """The services of a wave that are well, and why each of the others is left alone."""
    fit, unfit = [], {}
    for name in wave:
        complaint = healthy(name).complaint(stack)
        if complaint:
            unfit[name] = CannotTell(f"not steady beforehand, so it was not killed: {complaint}")
        else:
            fit.append(name)
    return fit, unfit


def kill_and_watch(stack: Stack, killed: Sequence[str]) -> list[Recovery]:
    """Kill these services in one moment and wait for their recovery. Raises CannotTell when what must serve didn't before."""
    _wait_until_steady(stack, killed)
    probes = probes_for(stack, killed)
    for probe in [probe for several in probes.values() for probe in several]:
        if complaint := probe.complaint(stack):
            raise CannotTell(f"not steady beforehand, so nothing was killed: {complaint}")
    before = {name: stack.container(name).attrs for name in killed}
    limit = max(_limit(stack, name) for name in killed)
    with ExitStack() as asking:
        samplers = [
            (name, probe.name, asking.enter_context(Sampler(_asking(probe, stack))))
            for name, several in probes.items()
            for probe in several
        ]
        edge = _edge(stack)
        watched = asking.enter_context(Sampler(_asking(edge, stack))) if edge else None
        since = datetime.now(UTC) - timedelta(milliseconds=10)
        with injected(Killed(killed[0], tuple(killed[1:])), stack) as injection:
            took = _recoveries(stack, before, since=injection.began, until=injection.began + limit)
        series = tuple((wanted, name, sampler.stop()) for wanted, name, sampler in samplers)
        seen = watched.stop() if watched else None
    events = stack.driver.events(since, datetime.now(UTC))
    return [_recovery(stack, name, before[name], took, events, series, tuple(killed), seen) for name in killed]


def freeze_and_watch(stack: Stack, frozen: Sequence[str]) -> Thaw:
    """Freeze these services for a moment and see them go on by themselves. Raises RevertFailed when they don't."""
    probes = probes_for(stack, frozen)
    with ExitStack() as asking:
        samplers = [
            (name, probe.name, asking.enter_context(Sampler(_asking(probe, stack))))
            for name, several in probes.items()
            for probe in several
        ]
        with injected(Paused(frozen[0], tuple(frozen[1:])), stack) as injection:
            pause(FROZEN_FOR.total_seconds())
        outages = tuple((wanted, name, sampler.stop()) for wanted, name, sampler in samplers)
    assert injection.proof is not None
    return Thaw(injection.proof.proved_seconds, outages)


def _recoveries(stack: Stack, before: dict[str, Any], *, since: float, until: float) -> dict[str, float]:
    """Seconds from the kill to each service's recovery; those that don't make it are missing.

    The engine's own health probes are believed as soon as they are content. Ours are asked besides, one service a second:
    where the engine probes seldom they tell sooner, and more of them would take the machine from those that recover.
    """
    took: dict[str, float] = {}
    ours = 0.0
    while len(took) < len(before) and time.monotonic() < until:
        for name in sorted(before.keys() - took.keys()):
            anew = _started_anew(stack, name, before[name])
            if anew is None:
                continue
            health = (anew["State"].get("Health") or {}).get("Status", "none")
            if health not in _WELL and time.monotonic() - ours > 1:
                ours = time.monotonic()
                health = health_of(stack, anew)
            if health in _WELL:
                took[name] = time.monotonic() - since
        pause(_EVERY)
    return took


def _started_anew(stack: Stack, name: str, before: dict[str, Any]) -> dict[str, Any] | None:
    for container_id in stack.driver.container_ids(name):
        now = stack.driver.inspect(container_id)
        if now["State"]["StartedAt"] != before["State"]["StartedAt"] and now["State"]["Status"] == "running":
            return now
    return None


def _recovery(
    stack: Stack,
    name: str,
    before: dict[str, Any],
    took: dict[str, float],
    events: list[dict[str, Any]],
    series: tuple[tuple[str, str, Series], ...],
    together: tuple[str, ...],
    edge: Series | None,
) -> Recovery:
    mine = [e for e in events if e.get("Type") == "container" and e.get("Actor", {}).get("ID") == before["Id"]]
    foreign = tuple(sorted({str(e["Action"]) for e in mine if e["Action"] in _OURS}))
    now = stack.driver.inspect(before["Id"])
    wanted = set(stack.profile.service(name).must_serve)
    outages = tuple((probe, one) for promised, probe, one in series if promised in wanted)
    return Recovery(
        service=name,
        seconds=took.get(name),
        restarts=int(now.get("RestartCount", 0)) - int(before.get("RestartCount", 0)),
        foreign=foreign,
        outages=outages,
        together=together,
        edge=edge,
    )


def _wait_until_steady(stack: Stack, services: Sequence[str]) -> None:
    """The engine's restart back-off resets after 10 s of uptime: a kill before would measure the back-off."""
    missing = max((BACK_OFF_RESETS_AFTER - up_for(stack, name) for name in services), default=timedelta(0))
    pause(missing.total_seconds() + 1 if missing > timedelta(0) else 0)


def _limit(stack: Stack, name: str) -> float:
    promised = stack.profile.recovery(name)
    assert promised is not None
    return promised.total_seconds()


def _edge(stack: Stack) -> Probe | None:
    try:
        probe = edge_serves(stack.profile.stack.health_path)
        return None if probe.complaint(stack) else probe
    except CannotTell:
        return None


def _asking(probe: Probe, stack: Stack) -> Any:
    return lambda: probe.complaint(stack)
