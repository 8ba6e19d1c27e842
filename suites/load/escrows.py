"""Escrows that begin on a schedule while the profile's load runs, once a session: what became of the money, and what was counted.

The orders come whatever became of those before (open model), beside the ordinary visitors that make the load.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from load.runner import BaseLoad, Summary
from stack.errors import CannotTell, SeatrialError
from stack.money import books_of, broken, in_the_books
from stack.purse import Purse, open_purse
from stack.received import received_wrongly
from stack.settle import ENDINGS, settling_on
from stack.settling import Settling, Voyage
from stack.vantage import Outside
from stack.waiting import eventually
from suites.check import excluded, not_applicable
from suites.load.plan import clients_of, for_seconds, plan_of
from suites.observability.exposition import Exposition, applications, of_service

if TYPE_CHECKING:
    from stack.model import Stack

ORDERS = len(ENDINGS)
"""One of each ending."""
SECONDS_BETWEEN = 1.0
_WARM_UP_SECONDS = 1.0
_LOOK_EVERY_SECONDS = 1.0
_AT_REST_WITHIN = timedelta(seconds=15)


@dataclass
class Sailed:
    """What came of them all."""

    voyages: list[Voyage]
    load: Summary | None
    """None where it did not come to a load, for a reason that `broken` tells."""
    objective_seconds: float
    broken: list[str] = field(default_factory=list)
    """Money invariants that did not hold, or why nothing could be ordered, in a sentence each."""
    scrapes: list[list[Exposition]] = field(default_factory=list)
    """Of the applications, where their metrics are promised: one before the first order, some on the way, one at rest."""


_SAILED = pytest.StashKey[Sailed | SeatrialError]()


def sailed(config: pytest.Config, stack: Stack, *, seed: int) -> Sailed:
    """Settle them, or say again what came of it. Raises CannotTell when the stack could not be asked."""
    if config.stash.get(_SAILED, None) is None:
        try:
            config.stash[_SAILED] = sail(stack, seed=seed)
        except SeatrialError as error:
            config.stash[_SAILED] = error
    known = config.stash[_SAILED]
    if isinstance(known, SeatrialError):
        raise CannotTell(str(known)) from known
    return known


def objective_of(stack: Stack) -> float:
    """The seconds in which an escrow was promised to settle; NOT_APPLICABLE where nobody promised or can pay one."""
    said = stack.profile
    if said.chain is None or not said.wallets:
        not_applicable(said.missing("[chain] service = … and [wallets.NAME]"))
    for name in sorted(stack.excluded & {said.chain.service, *(wallet.service for wallet in said.wallets.values())}):
        excluded(name)
    if said.objectives.settle_seconds is None:
        not_applicable(said.missing("[objectives] settle_seconds = …"))
    return said.objectives.settle_seconds


def sail(stack: Stack, *, seed: int) -> Sailed:
    """Settle them. Raises CannotTell when the stack could not be asked; NOT_APPLICABLE where nobody promised."""
    objective = objective_of(stack)
    patience = timedelta(seconds=objective + ORDERS * SECONDS_BETWEEN)
    plan = for_seconds(plan_of(stack, seed=seed), patience.total_seconds() + 10, warm_up_seconds=_WARM_UP_SECONDS)
    watched = applications(stack) if stack.profile.application_metrics else []
    scrapes: list[list[Exposition]] = []

    def look() -> None:
        scrapes.append([of_service(stack, service) for service in watched])

    with open_purse(stack, spendings=ORDERS) as purse, Outside(stack.project) as outside:
        try:
            settling = settling_on(stack, purse)
        except AssertionError as refused:
            return Sailed([], None, objective, [str(refused)])
        look()
        with BaseLoad(plan, clients_of(stack, outside), prefix=outside.exec_prefix) as load:
            load.start()
            voyages = _voyages(settling, patience, look)
            in_motion = in_the_books(books_of(stack))
            seen = load.stop()
        wrong = [*in_motion, *_at_rest(stack, purse, voyages)]
        look()
    return Sailed(voyages, seen, objective, wrong, scrapes)


def _voyages(settling: Settling, patience: timedelta, look: Callable[[], None]) -> list[Voyage]:
    """Begin each when it is due and take all to their ends; those that do not get there are told by their state."""
    voyages: list[Voyage] = []
    began = looked = time.monotonic()

    def meanwhile() -> None:
        nonlocal looked
        now = time.monotonic()
        while len(voyages) < ORDERS and now >= began + len(voyages) * SECONDS_BETWEEN:
            voyages.append(settling.begin(ENDINGS[len(voyages) % len(ENDINGS)]))
        if now - looked >= _LOOK_EVERY_SECONDS:
            looked = now
            look()

    with suppress(AssertionError):  # those that are late or were given up are judged by what they say themselves
        while len(voyages) < ORDERS:
            meanwhile()
            settling.settle(voyages, within=patience, meanwhile=meanwhile)
    return voyages


def _at_rest(stack: Stack, purse: Purse, voyages: Sequence[Voyage]) -> list[str]:
    """Which invariants do not hold, once the stack answers. Raises CannotTell when it does not."""

    def asked() -> tuple[list[str]]:
        received = [received_wrongly(voyage, purse) for voyage in voyages if voyage.is_over]
        return ([*filter(None, received), *broken(stack)],)

    return eventually(
        asked, within=_AT_REST_WITHIN, every=timedelta(seconds=1), what="books, chain and wallets answer"
    )[0]
