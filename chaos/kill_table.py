"""Kills each part of an escrow at each of its steps and says whether the money is right: `python -m chaos.kill_table`.

One order a cell: it is taken to the step, one process is killed as a crash would, and the order has to come to its end
all the same, with every money invariant true. Prints the table and one whole timeline with its transactions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.faults.process import crash
from stack.errors import CannotTell, SeatrialError
from stack.money import broken
from stack.progress import Progress
from stack.purse import Purse, open_purse
from stack.received import received_wrongly
from stack.sailing import Parser
from stack.settle import load, settling_on
from stack.settling import Ending, Settling, Voyage
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_INTERRUPTED = 130
_WITHIN = timedelta(seconds=90)

Reached = Callable[[Voyage, Purse], bool]

STEPS: dict[str, tuple[Ending, Reached]] = {
    "ordered": ("release", lambda voyage, _: bool(voyage.order_id)),
    "deposit in the pool": ("release", lambda voyage, _: bool(voyage.deposited)),
    "funded": ("release", lambda voyage, _: voyage.state == "funded"),
    "shipped": ("release", lambda voyage, _: voyage.state == "shipped"),
    "disputed": ("arbiter refunds", lambda voyage, _: voyage.state == "disputed"),
    "payout decided": ("release", lambda voyage, _: voyage.is_decided),
    "payout in the pool": ("release", lambda voyage, purse: voyage.is_decided and purse.waiting() > 0),
    "payout mined": ("release", lambda voyage, _: voyage.is_over),
}
"""Step → how an order ends that comes by it, and how it is seen to be there."""


@dataclass(frozen=True)
class Cell:
    """What came of killing one victim at one step."""

    step: str
    victim: str
    seconds: float
    voyage: Voyage
    wrong: tuple[str, ...]
    """What is not true; empty when all invariants hold."""


def victims_of(stack: Stack) -> list[str]:
    """The services that an escrow needs: the server, each wallet, the chain. Raises CannotTell without one of them."""
    said = stack.profile
    if said.database is None or said.chain is None or not said.wallets:
        raise CannotTell(said.missing("[database], [wallets.*] or [chain]"))
    return [said.database.service, *(wallet.service for wallet in said.wallets.values()), said.chain.service]


def cells(stack: Stack, steps: Sequence[str], victims: Sequence[str]) -> Iterator[Cell]:
    """Try each step with each victim, one after the other.

    Raises:
        AssertionError: the marketplace took no accounts or no listing before anything was killed.
        CannotTell: the stack could not be asked.

    """
    with open_purse(stack, spendings=2 * len(steps) * len(victims)) as purse:
        settling = settling_on(stack, purse)
        for victim in victims:
            for step in steps:
                yield _cell(stack, purse, settling, step, victim)


def _cell(stack: Stack, purse: Purse, settling: Settling, step: str, victim: str) -> Cell:
    ending, reached = STEPS[step]
    began = time.monotonic()
    voyage = settling.begin(ending)
    try:
        settling.settle([voyage], within=_WITHIN, until=lambda one: reached(one, purse))
        if not crash(stack, stack.container(victim).attrs):
            return Cell(step, victim, time.monotonic() - began, voyage, ("nothing was there to kill",))
        settling.settle([voyage], within=_WITHIN)
    except AssertionError as error:
        return Cell(step, victim, time.monotonic() - began, voyage, (str(error),))
    seconds = time.monotonic() - began

    def judged() -> tuple[tuple[str, ...]] | None:
        try:
            return (tuple(filter(None, (received_wrongly(voyage, purse), *broken(stack)))),)
        except CannotTell:
            return None  # what was killed last is on its way back

    try:
        (wrong,) = eventually(judged, within=_WITHIN, every=timedelta(seconds=1), what="everything answers again")
    except AssertionError as error:
        wrong = (str(error),)
    return Cell(step, victim, seconds, voyage, wrong)


def table(found: Sequence[Cell]) -> str:
    """Lay the cells out, a row a step and a column a victim; below it what is not true, and one timeline."""
    victims, steps = list(dict.fromkeys(one.victim for one in found)), list(dict.fromkeys(one.step for one in found))
    by_place = {(one.step, one.victim): one for one in found}
    lines = ["| killed at | " + " | ".join(victims) + " |", "|---|" + "---|" * len(victims)]
    for step in steps:
        told = [by_place.get((step, victim)) for victim in victims]
        lines.append(f"| {step} | " + " | ".join(_word(one) for one in told) + " |")
    lines += [f"NOT TRUE: {one.victim} killed at '{one.step}': {reason}" for one in found for reason in one.wrong]
    if found:
        longest = max(found, key=lambda one: len(one.voyage.timeline))
        lines.append(f"order {longest.voyage.order_id}, {longest.victim} killed at '{longest.step}':")
        lines += [f"  {seconds:6.2f} s  {event}" for seconds, event in longest.voyage.timeline]
    return "\n".join(lines)


def _word(one: Cell | None) -> str:
    if one is None:
        return "not tried"
    return "NOT TRUE" if one.wrong else f"holds, settled in {one.seconds:.1f} s"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 all invariants held, 1 not so, 4 bad input or no answer, 130 Ctrl-C."""
    options = _parser().parse_args(argv)
    progress, found = Progress(), list[Cell]()
    try:
        stack = load(options.project, options.offset)
        victims = options.victim or victims_of(stack)
        for victim in victims:
            stack.service(victim)
        steps = options.step or list(STEPS)
        with progress.step(f"killing {len(victims)} victims at {len(steps)} steps each"):
            for cell in cells(stack, steps, victims):
                found.append(cell)
                progress.say(f"{len(found)}/{len(steps) * len(victims)}  {cell.victim} at '{cell.step}': {_word(cell)}")
    except KeyboardInterrupt:
        print(table(found))
        return _INTERRUPTED
    except (AssertionError, SeatrialError) as error:
        if found:
            print(table(found))
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 1 if isinstance(error, AssertionError) else 4
    finally:
        progress.close()
    print(json.dumps([_document(one) for one in found], indent=2) if options.json else table(found))
    return 1 if any(one.wrong for one in found) else 0


def _document(one: Cell) -> dict[str, object]:
    voyage = one.voyage
    return {
        "step": one.step, "victim": one.victim, "seconds": one.seconds, "order": voyage.order_id, "state": voyage.state,
        "deposits": voyage.deposited, "payouts": voyage.payouts, "timeline": voyage.timeline, "not_true": one.wrong,
    }  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m chaos.kill_table", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--step", action="append", choices=STEPS, help="a step to kill at (default: each)")
    parser.add_argument("--victim", action="append", metavar="SERVICE", help="whom to kill (default: all it needs)")
    parser.add_argument("--project", default="seatrial", help="the running stack (default %(default)s)")
    parser.add_argument("--offset", type=int, default=0, help="the port offset it was brought up with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
