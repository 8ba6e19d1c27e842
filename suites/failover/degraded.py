"""Take services away together, keep doing the stack's business, and note what was served, what was refused how, and what was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.faults.container import Paused, Stopped
from chaos.injection import injected
from chaos.probes import edge_serves
from chaos.sampling import Sampler, Series
from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey, Losses, journey_of
from stack.money import broken
from stack.waiting import eventually
from suites.business import write

if TYPE_CHECKING:
    from stack.model import Stack
    from stack.profile import Degraded

REFUSALS = 4
"""So many in a row, once refusing has begun."""
_MOST_WRITES = 12
_EVERY = timedelta(milliseconds=200)
_POLITE = 503


@dataclass(frozen=True)
class Refusal:
    """A write that was not taken."""

    why: str
    status: int | None
    """None: there was no whole answer."""
    retry_after_seconds: float | None
    seconds: float

    @property
    def is_polite(self) -> bool:
        """Whether it says that this is not the customer's fault, and when to come back."""
        return self.status == _POLITE and self.retry_after_seconds is not None


@dataclass
class Survived:
    """What became of the business while they were away."""

    served: dict[str, Series] = field(default_factory=dict)
    """What was asked all the time, by path."""
    noticed_seconds: float | None = None
    """From their going until a write was refused politely; None when none ever was."""
    refusals: list[Refusal] = field(default_factory=list)
    """Those after that."""
    taken: list[Ack] = field(default_factory=list)
    """Writes of a kind that should have been refused, and were acknowledged after that."""
    back_seconds: float | None = None
    """From their being back until a write was taken again; None when none was in time."""
    losses: Losses = field(default_factory=Losses)
    wrong_money: list[str] = field(default_factory=list)


@contextmanager
def paused(stack: Stack, services: Sequence[str]) -> Iterator[None]:
    """They hang: connections stand, and nobody answers."""
    with injected(Paused(services[0], tuple(services[1:])), stack):
        yield


@contextmanager
def stopped(stack: Stack, services: Sequence[str]) -> Iterator[None]:
    """They are gone, with their addresses."""
    with ExitStack() as faults:
        for service in services:
            faults.enter_context(injected(Stopped(service), stack))
        yield


ABSENCES = {"paused": paused, "stopped": stopped}


def survive(stack: Stack, case: Degraded, absence: str) -> Survived:
    """Do business before, while and after the services are away.

    Raises:
        CannotTell: it did not work beforehand, or what was acknowledged can't be read back.

    """
    journey, seen = journey_of(stack), Survived()
    acks = _steady(stack, journey, case)
    limit = timedelta(seconds=case.within_seconds)
    with ExitStack() as asking:
        samplers = {path: asking.enter_context(Sampler(_asking(stack, path))) for path in case.serves}
        with ABSENCES[absence](stack, case.without):
            if case.refuses:
                acks += _refused(journey, case, seen, limit)
        seen.back_seconds = _taken_again(journey, case, acks, limit)
        seen.served = {path: sampler.stop() for path, sampler in samplers.items()}
    seen.losses = journey.verify(acks)
    if stack.profile.chain is not None and stack.profile.wallets:
        seen.wrong_money = broken(stack)
    return seen


def _steady(stack: Stack, journey: Journey, case: Degraded) -> list[Ack]:
    """Writes of every kind that will be refused, taken. Raises CannotTell when they are not, or a path is not served."""
    for path in case.serves:
        if complaint := edge_serves(path).complaint(stack):
            raise CannotTell(f"not steady beforehand, so nothing was taken away: {complaint}")
    acks: list[Ack] = []
    while len(acks) < _MOST_WRITES and not {ack.kind for ack in acks} >= set(case.refuses):
        acks.append(write(journey))
    if unseen := sorted(set(case.refuses) - {ack.kind for ack in acks}):
        raise CannotTell(f"{len(acks)} writes of the journey had none of kind {', '.join(unseen)}")
    return acks


def _refused(journey: Journey, case: Degraded, seen: Survived, limit: timedelta) -> list[Ack]:
    """Write until refusals have begun, then a few times more; what is acknowledged meanwhile must not be lost either."""
    acks: list[Ack] = []
    began = time.monotonic()

    def refused() -> bool:
        outcome = _write(journey)
        if isinstance(outcome, Ack):
            acks.append(outcome)
            return False
        seen.refusals[:] = [outcome]
        return outcome.is_polite

    with suppress(AssertionError):  # how it was answered instead is what the check is about
        eventually(refused, within=limit, every=_EVERY, what="a write is refused")
        seen.noticed_seconds = time.monotonic() - began
    if seen.noticed_seconds is None:
        return acks
    for _ in range(3 * REFUSALS):
        if len(seen.refusals) > REFUSALS:
            break
        outcome = _write(journey)
        if isinstance(outcome, Refusal):
            seen.refusals.append(outcome)
            continue
        acks.append(outcome)
        if outcome.kind in case.refuses:
            seen.taken.append(outcome)
    return acks


def _taken_again(journey: Journey, case: Degraded, acks: list[Ack], limit: timedelta) -> float | None:
    began = time.monotonic()

    def taken() -> bool:
        outcome = _write(journey)
        if isinstance(outcome, Ack):
            acks.append(outcome)
            return not case.refuses or outcome.kind in case.refuses
        return False

    with suppress(AssertionError):
        eventually(taken, within=limit, every=_EVERY, what="writes are taken again")
        return time.monotonic() - began
    return None


def _write(journey: Journey) -> Ack | Refusal:
    began = time.monotonic()
    try:
        return journey.act()
    except SeatrialError as error:
        status, wait = getattr(error, "status", None), getattr(error, "retry_after_seconds", None)
        return Refusal(str(error), status, wait, time.monotonic() - began)


def _asking(stack: Stack, path: str) -> Callable[[], str | None]:
    probe = edge_serves(path)
    probe.complaint(stack)  # where the edge is, is looked up while all is well
    return lambda: probe.complaint(stack)
