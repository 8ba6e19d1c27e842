"""Settles a few escrows on a running stack and shows where the money went: `python -m stack.settle --orders 4`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from stack.errors import CannotTell, SeatrialError
from stack.money import books_of, broken
from stack.progress import Progress
from stack.purse import Purse, open_purse
from stack.received import received_wrongly
from stack.sailing import Parser
from stack.settling import Ending, Settling, Voyage

if TYPE_CHECKING:
    from stack.model import Stack

ENDINGS: tuple[Ending, ...] = get_args(Ending)
_LONGEST_SECONDS = 86_400


@dataclass(frozen=True)
class Settled:
    """What became of some orders, and what is not true after them."""

    voyages: tuple[Voyage, ...]
    wrong: tuple[str, ...]
    seconds: float
    """From the first order to the last one's end."""
    locked: int
    """What is held in escrow afterwards, in piconero."""

    @property
    def per_minute(self) -> float:
        """How many settle in a minute at this pace."""
        return 60 * len(self.voyages) / self.seconds if self.seconds else 0.0


def load(project: str, offset: int) -> Stack:
    """The reference stack as a running project. Raises SeatrialError."""
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    env = environment(project, offset)
    return Stack.load([COMPOSE_FILE], project=project, profile=COMPOSE_FILE.with_name("profile.toml"), env=env)


def settling_on(stack: Stack, purse: Purse) -> Settling:
    """Make the parties on a running stack. Raises SeatrialError, CannotTell."""

    def appoint(account_id: str) -> None:
        service = stack.profile.database.service if stack.profile.database else "server-blue"
        done = stack.container(service).exec(["python", "-m", "marketplace_server.arbiters", account_id])
        if not done.ok:
            message = f"account {account_id} could not be made the arbiter: {done.last_words()}"
            raise SeatrialError(message)

    return Settling(stack.edge, purse, appoint)


def settle(stack: Stack, endings: Sequence[Ending], *, within: timedelta, over: timedelta = timedelta(0)) -> Settled:
    """Settle an order for each ending, begun evenly `over` a time and interleaved, and say what is not true afterwards.

    Raises:
        AssertionError: not all were settled in time.
        CannotTell: the stack could not be asked.

    """
    with open_purse(stack, spendings=len(endings)) as purse:
        settling = settling_on(stack, purse)
        began = time.monotonic()
        voyages = [settling.begin(endings[0])]

        def begin_those_due() -> None:
            share = (time.monotonic() - began) / over.total_seconds() if over else 1.0
            while len(voyages) < min(len(endings), share * len(endings)):
                voyages.append(settling.begin(endings[len(voyages)]))

        begin_those_due()
        settling.settle(
            voyages,
            within=within,
            meanwhile=begin_those_due,
            until=lambda voyage: voyage.is_over and len(voyages) == len(endings),
        )
        seconds = time.monotonic() - began
        wrong = [reason for voyage in voyages if (reason := received_wrongly(voyage, purse))]
        return Settled(tuple(voyages), (*wrong, *broken(stack)), seconds, books_of(stack).locked)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 settled and all invariants hold, 1 not so, 4 bad input or no answer."""
    options = _parser().parse_args(argv)
    endings = [options.ending or ENDINGS[number % len(ENDINGS)] for number in range(options.orders)]
    progress = Progress()
    try:
        with progress.step(f"settling {len(endings)} orders"):
            done = settle(load(options.project, options.offset), endings, within=timedelta(seconds=options.within))
    except AssertionError as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 1
    except SeatrialError as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 4 if isinstance(error, CannotTell) else 1
    finally:
        progress.close()
    print(json.dumps(_document(done), indent=2) if options.json else _told(done))
    return 1 if done.wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m stack.settle", description=__doc__.split(":")[0] if __doc__ else "")
    parser.add_argument(
        "--orders",
        type=_orders,
        default=len(ENDINGS),
        help="how many, ending in turn in each way (default %(default)s)",
    )
    parser.add_argument("--ending", choices=ENDINGS, help="one way for all")
    parser.add_argument("--within", type=_seconds, default=120.0, metavar="SECONDS", help="patience (default %(default)s)")
    parser.add_argument("--project", default="seatrial", help="the running stack (default %(default)s)")
    parser.add_argument("--offset", type=int, default=0, help="the port offset it was brought up with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _orders(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 200:
        message = f"expected a number of orders from 1 to 200, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:  # NaN is not, either
        message = f"expected seconds, more than 0 and at most {_LONGEST_SECONDS}, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _told(done: Settled) -> str:
    lines = []
    for voyage in done.voyages:
        lines.append(f"order {voyage.order_id}: {voyage.ending}, {voyage.state} after {voyage.seconds:.1f} s")
        lines += [f"  {seconds:6.2f} s  {event}" for seconds, event in voyage.timeline]
    lines.append(f"{len(done.voyages)} orders in {done.seconds:.1f} s: {done.per_minute:.0f} settle per minute")
    lines += [f"NOT TRUE: {reason}" for reason in done.wrong] or [
        f"money invariants hold; {done.locked} piconero locked"
    ]
    return "\n".join(lines)


def _document(done: Settled) -> dict[str, object]:
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
        for voyage in done.voyages
    ]
    return {
        "orders": orders,
        "seconds": done.seconds,
        "per_minute": done.per_minute,
        "not_true": list(done.wrong),
        "locked_piconero": done.locked,
    }


if __name__ == "__main__":
    sys.exit(main())
