"""Restore wallets of a project: rehearse all, stop their RPCs, restore each in a one-shot container, start them, ask them.

Run on the operator's machine, which has the age key and the backup private key. The backups may be another project's
(--from-project). No RPC is stopped before a rehearsal has decrypted and verified every backup, so one that is refused
costs no downtime and changes nothing. --dry-run ends with the rehearsal. A restored wallet can see at once; it can
co-sign once the marketplace has exchanged multisig info with it, which it does before each payout.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from stack.errors import CannotTell, SeatrialError, UserError
from stack.ops import one_shot
from stack.ops.backup_wallets import WALLETS, hashed
from stack.ops.command import OK, Refused, answer
from stack.ops.rescue_database import facts_of
from stack.ops.standstill import await_ready, stopped
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

T = TypeVar("T")
SEES_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True)
class Choice:
    """Which backup of which wallet, and what opens it."""

    wallet: str
    keys: one_shot.Handover
    place: one_shot.Place
    backup: str = "latest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--wallet", action="append", choices=WALLETS, help="only this one (may be repeated; default: all)")
    parser.add_argument("--backup", help="archive's file name, for one wallet (default: each one's latest)")
    parser.add_argument("--project", default="seatrial", help="the project to restore into (default: %(default)s)")
    parser.add_argument("--from-project", help="the project whose backups are used (default: the same)")
    parser.add_argument("--dry-run", action="store_true", help="decrypt and verify, then leave all as it is")


def main(args: argparse.Namespace) -> int:
    """Restore, and print what is now in place, with the time of each phase."""
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    names = list(dict.fromkeys(args.wallet or WALLETS))
    if args.backup and len(names) != 1:
        raise UserError("--backup names one archive, so it needs one --wallet")
    profile = COMPOSE_FILE.with_name("profile.toml")
    stack = Stack.load([COMPOSE_FILE], project=args.project, profile=profile, env=environment(args.project))
    source = args.from_project or args.project
    chosen = [choice_of(stack, name, source, backup=args.backup or "latest") for name in names]
    began = time.monotonic()
    facts = rescue(stack, chosen, dry_run=args.dry_run)
    seconds = time.monotonic() - began
    verb = "would restore" if args.dry_run else "restored"
    lines = [f"{args.project}: {verb} {each['archive']}" for each in facts.values()]
    answer(args, {"wallets": facts, "seconds": round(seconds, 3)}, "\n".join([*lines, f"in {seconds:.1f} s"]))
    return OK


def choice_of(stack: Stack, wallet: str, source: str, *, backup: str = "latest") -> Choice:
    """Take a wallet's backup from the project `source`, to be restored into `stack`. Raises as `handover_of` does."""
    place = one_shot.Place(one_shot.place_of(source).backups, one_shot.wallet_place_of(stack.project, wallet).data)
    return Choice(wallet, one_shot.handover_of(stack, wallet=wallet), place, backup)


def rescue(stack: Stack, chosen: Sequence[Choice], *, dry_run: bool = False) -> dict[str, dict[str, Any]]:
    """Restore the wallets with their RPCs stopped, and return each one's manifest with `phases` in seconds.

    Raises:
        Refused, UserError: a backup was refused, or there is none; nothing was stopped or changed.
        AssertionError: an RPC was not ready, or its wallet had not seen the chain, within a minute.

    """
    facts = put_back(stack, chosen, dry_run=True)
    if dry_run:
        return facts
    # the archives that were rehearsed: a newer one may have appeared since
    named = [Choice(each.wallet, each.keys, each.place, str(facts[each.wallet]["archive"])) for each in chosen]
    services = [one_shot.promised_wallet(stack, each.wallet).service for each in chosen]
    with stopped(stack.driver, services) as running:
        facts = put_back(stack, named)
        began = time.monotonic()
    if running:
        await_ready(stack.driver, running, what="the wallets' RPCs are ready")
        require_same(stack, facts)
        for each in facts.values():
            each["phases"]["start"] = round(time.monotonic() - began, 4)
    return facts


def put_back(stack: Stack, chosen: Sequence[Choice], *, dry_run: bool = False) -> dict[str, dict[str, Any]]:
    """Run the restores side by side, and return each one's facts. Raises the first refusal, when all have ended."""

    def one(each: Choice) -> dict[str, Any]:
        done = one_shot.restore_wallet(
            stack.driver, each.keys, each.wallet, each.place, backup=each.backup, dry_run=dry_run
        )
        return facts_of(done.stdout, done.stderr, done.code)

    return side_by_side({each.wallet: lambda each=each: one(each) for each in chosen})  # type: ignore[misc]


def side_by_side(tasks: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Run the tasks at the same time and return their answers by name; raises the first error, when all have ended."""
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        pending = {name: pool.submit(task) for name, task in tasks.items()}
    return {name: future.result() for name, future in pending.items()}


def require_same(stack: Stack, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask each restored wallet for its address, and wait until it has seen the chain as far as its backup had.

    Raises:
        Refused: it is another wallet than the one that was backed up.
        AssertionError: it does not reach that height within a minute.
        CannotTell: it does not answer.

    """
    for name, made in facts.items():
        wallet, content = stack.wallet(name), made["content"]
        if hashed(wallet.address()) != content["address_sha256"]:
            raise Refused(f"{made['archive']}: the {name}'s wallet has another address than was backed up")

        def has_seen(wallet: Any = wallet, height: int = int(content["height"])) -> bool:
            try:
                wallet.refresh()
            except CannotTell:
                raise
            except SeatrialError:
                return False  # its daemon is away or still starting
            return bool(wallet.height() >= height)

        eventually(has_seen, within=SEES_WITHIN, every=timedelta(seconds=0.25), what=f"the {name}'s wallet sees the chain")
