"""The one disaster that all checks of a restored system share: what was there before, what was kept, what was rebuilt."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey
from stack.model import Stack
from stack.purse import chain_of
from suites.restore.escrows import Opened, ended, opened_on, states_of
from suites.restore.guide import command
from suites.restore.operator import typed
from suites.restore.rebuilding import Rebuilt, rebuilt_from
from suites.restore.writing import BACKUP, backup_service


@dataclass(frozen=True)
class Seen:
    """A wallet as its RPC tells of it, after it has read the chain to its end; amounts in piconero."""

    address: str
    height: int
    balance: int
    unlocked: int


@dataclass(frozen=True)
class Disaster:
    """Before and after."""

    first: Stack
    rebuilt: Rebuilt
    journey: Journey
    acks: tuple[Ack, ...]
    """Every write that was acknowledged before the database was backed up."""
    opened: Opened
    before: Mapping[str, Seen]
    """The wallets when the first stack was lost, by name."""
    after: Mapping[str, Seen]
    wallets_made: float
    """When the copy of the first wallet was begun, in Unix seconds."""
    wallets_seconds: float
    """How long the wallets' backup took."""
    lost_at: float
    """When the first stack counts as lost: nothing later is kept. Unix seconds."""
    database_rescue: Mapping[str, float]
    """Seconds by phase of `rescue-database` in the rebuilt system while it ran."""
    orders: tuple[tuple[str, str, str], ...]
    """Each open escrow as the first stack told of it: left in, state, deposit address."""


@contextmanager
def befallen(first: Stack, journey: Journey, acks: tuple[Ack, ...]) -> Iterator[Disaster]:
    """Open escrows, back up, let a deposit arrive that no backup knows of, lose the stack, rebuild it.

    Raises:
        AssertionError: it can't be rebuilt.
        CannotTell: the preparations fail, or somebody else mined meanwhile.

    """
    with opened_on(first) as counter:
        began, mono = time.time(), time.monotonic()
        wallets = json.loads(_run(first, wallets_service(first), ("python", *command("backup-wallets"), "--json")))["backups"]
        wallets_seconds = time.monotonic() - mono
        database = json.loads(_run(first, backup_service(first), BACKUP))
        for look in (command("list-backups"), command("verify-backups")):
            _run(first, backup_service(first), ("python", *look))
        counter.pay_late()
        orders = tuple(states_of(first.edge, counter.opened))
        before = seen_in(first)
        lost_at = time.time()
    archives = [database["archive"], *(each["archive"] for each in wallets)]
    with rebuilt_from(first, archives) as rebuilt:
        if (height := int(chain_of(rebuilt.stack).call("get_info")["height"])) != before["buyer"].height:
            raise CannotTell(f"somebody mined: the chain was {before['buyer'].height} high and was copied at {height}")
        after = seen_in(rebuilt.stack)
        # before anybody trades there: it takes the database back to the same backup
        rescue = typed("rescue-database", "--project", rebuilt.stack.project, "--from-project", first.project)
        yield Disaster(
            first=first,
            rebuilt=rebuilt,
            journey=journey,
            acks=acks,
            opened=counter.opened,
            before=before,
            after=after,
            wallets_made=began,
            wallets_seconds=wallets_seconds,
            lost_at=lost_at,
            database_rescue=rescue["phases"],
            orders=orders,
        )
        ended(first, first.edge, counter.opened)  # at once where a check has ended them: nobody's money stays behind


def seen_in(stack: Stack) -> dict[str, Seen]:
    """Ask every wallet of a stack. Raises CannotTell when one does not answer."""
    found = {}
    for name in stack.profile.wallets:
        wallet = stack.wallet(name)
        try:
            wallet.refresh()
            held = wallet.balance()
            found[name] = Seen(wallet.address(), wallet.height(), held.total, held.unlocked)
        except CannotTell:
            raise
        except SeatrialError as error:
            raise CannotTell(f"{stack.project}: the {name}'s wallet does not tell: {error}") from error
    return found


def wallets_service(stack: Stack) -> str:
    """The service that backs the wallets up. Raises CannotTell when the profile names none."""
    for job in stack.profile.backup.jobs if stack.profile.backup else ():
        if job.what == "wallets":
            return job.service
    raise CannotTell(stack.profile.missing('[[backup.jobs]] what = "wallets"'))


def _run(stack: Stack, service: str, argv: tuple[str, ...]) -> str:
    """Run one of the guide's commands in a backup service, and return what it answered."""
    done: Any = stack.container(service).exec(list(argv), timeout_seconds=180)
    if done.code != 0:
        raise CannotTell(f"{service}: {argv[3]} failed: {done.last_words()}")
    return str(done.stdout)
