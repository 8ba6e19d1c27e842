"""Settles a few escrows on a running stack and shows where the money went: `python -m stack.settle --orders 4`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from stack.errors import CannotTell, SeatrialError
from stack.money import books_of, broken
from stack.purse import Purse, open_purse
from stack.settling import Ending, Settling, Voyage, received_wrongly

if TYPE_CHECKING:
    from stack.model import Stack

ENDINGS: tuple[Ending, ...] = get_args(Ending)


def settling_on(stack: Stack, purse: Purse) -> Settling:
    """Make the parties on a running stack. Raises SeatrialError, CannotTell."""

    def appoint(account_id: str) -> None:
        service = stack.profile.database.service if stack.profile.database else "server-blue"
        done = stack.container(service).exec(["python", "-m", "marketplace_server.arbiters", account_id])
        if not done.ok:
            message = f"account {account_id} could not be made the arbiter: {done.last_words()}"
            raise SeatrialError(message)

    return Settling(stack.edge, purse, appoint)


def settle(stack: Stack, endings: Sequence[Ending], *, within: timedelta) -> tuple[list[Voyage], list[str]]:
    """Settle an order for each ending, all interleaved, and say what is not true afterwards.

    Raises:
        AssertionError: not all were settled in time.
        CannotTell: the stack could not be asked.

    """
    with open_purse(stack, spendings=len(endings)) as purse:
        settling = settling_on(stack, purse)
        voyages = [settling.begin(ending) for ending in endings]
        settling.settle(voyages, within=within)
        wrong = [reason for voyage in voyages if (reason := received_wrongly(voyage, purse))]
        return voyages, [*wrong, *broken(stack)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 settled and all invariants hold, 1 not so, 4 bad input or no answer."""
    options = _parser().parse_args(argv)
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    env = environment(options.project, options.offset)
    profile = COMPOSE_FILE.with_name("profile.toml")
    endings = [options.ending or ENDINGS[number % len(ENDINGS)] for number in range(options.orders)]
    try:
        stack = Stack.load([COMPOSE_FILE], project=options.project, profile=profile, env=env)
        voyages, wrong = settle(stack, endings, within=timedelta(seconds=options.within))
        locked = books_of(stack).locked
    except CannotTell as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 4
    except (SeatrialError, AssertionError) as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 1
    print(json.dumps(_document(voyages, wrong, locked), indent=2) if options.json else _told(voyages, wrong, locked))
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack.settle", description=__doc__.split(":")[0] if __doc__ else ""
    )
    parser.add_argument(
        "--orders", type=int, default=4, help="how many, ending in turn in each way (default %(default)s)"
    )
    parser.add_argument("--ending", choices=ENDINGS, help="one way for all")
    parser.add_argument("--within", type=float, default=120, metavar="SECONDS", help="patience (default %(default)s)")
    parser.add_argument("--project", default="seatrial", help="the running stack (default %(default)s)")
    parser.add_argument("--offset", type=int, default=0, help="the port offset it was brought up with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _told(voyages: Sequence[Voyage], wrong: Sequence[str], locked: int) -> str:
    lines = []
    for voyage in voyages:
        lines.append(f"order {voyage.order_id}: {voyage.ending}, {voyage.state} after {voyage.seconds:.1f} s")
        lines += [f"  {seconds:6.2f} s  {event}" for seconds, event in voyage.timeline]
    lines += [f"NOT TRUE: {reason}" for reason in wrong] or [f"money invariants hold; {locked} piconero locked"]
    return "\n".join(lines)


def _document(voyages: Sequence[Voyage], wrong: Sequence[str], locked: int) -> dict[str, object]:
    orders = [
        {
            "order": voyage.order_id,
            "ending": voyage.ending,
            "state": voyage.state,
            "seconds": voyage.seconds,
            "deposits": voyage.deposited,
            "payouts": voyage.payouts,
            "timeline": voyage.timeline,
        }
        for voyage in voyages
    ]
    return {"orders": orders, "not_true": list(wrong), "locked_piconero": locked}


if __name__ == "__main__":
    sys.exit(main())
