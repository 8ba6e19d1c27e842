"""Runs a journey at a given rate and verifies it: `python -m stack.journey run --for 30s --rate 20`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from stack import units
from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey, Losses, journey_of
from stack.progress import Progress
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack
    from stack.settle import Settled

Escrows: TypeAlias = "Settled | AssertionError | CannotTell | None"
"""What became of the escrows: None when there were none."""
_SETTLED_WITHIN = timedelta(seconds=120)


@dataclass
class Log:
    """What a run did. Latencies in seconds, counted from when each write was due (open model)."""

    acks: list[Ack] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def kinds(self) -> Counter[str]:
        """How many of each kind were acknowledged."""
        return Counter(ack.kind for ack in self.acks)

    def percentile(self, share: float) -> float:
        """Latency that `share` (0..1) of the acknowledged writes did not exceed; 0 without any."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def sail(journey: Journey, *, seconds: float, rate: float, until: Callable[[], bool] = lambda: False) -> Log:
    """Let a journey write `rate` times a second for `seconds`, or until told to stop, and return what happened.

    The schedule does not slow down with the stack: a write that is late counts its lateness. Ctrl-C ends it early.
    """
    log = Log()
    began = time.monotonic()
    number = 0
    try:
        while (due := number / rate) < seconds and not until():
            pause(began + due - time.monotonic())
            number += 1
            try:
                ack = journey.act()
            except CannotTell:
                log.unanswered += 1
            except SeatrialError as refused:
                log.refused[str(refused)] += 1
            else:
                log.acks.append(ack)
                log.latencies.append(time.monotonic() - began - due)
    except KeyboardInterrupt:
        pass  # what was acknowledged so far still wants verifying
    log.seconds = time.monotonic() - began
    return log


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Exit codes: 0 nothing lost and the money right, 1 not so or nothing acknowledged, 4 bad input or no answer.
    """
    options = _parser().parse_args(argv)
    progress = Progress()
    try:
        stack, journey = _stack_and_journey(options)
        count = escrows_among(options.rate * options.seconds, options.escrow_share) if stack else 0
        with ThreadPoolExecutor(1, thread_name_prefix="escrows") as aside:
            escrows = aside.submit(_settle, stack, count, options.seconds) if stack and count else None
            with progress.step(f"writing for {options.seconds:g} s, {options.rate:g} a second"):
                log = sail(journey, seconds=options.seconds, rate=options.rate)
            with progress.step(f"settling {count} escrows"):
                settled = escrows.result() if escrows else None
        with progress.step(f"reading {len(log.acks)} writes back"):
            verdict = _verified(journey, log)
    except SeatrialError as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 4
    finally:
        progress.close()
    print(json.dumps(_document(log, verdict, settled), indent=2) if options.json else _told(log, verdict, settled))
    if isinstance(verdict, CannotTell) or isinstance(settled, CannotTell):
        return 4
    is_wrong = isinstance(settled, AssertionError) or (settled is not None and bool(settled.wrong))
    return 1 if verdict or is_wrong or not log.acks else 0


def escrows_among(writes: float, share: float) -> int:
    """How many of so many writes are orders that are settled: one at least, unless the share is 0; 200 at most."""
    return min(200, max(1, round(writes * share))) if share else 0


def _settle(stack: Stack, count: int, seconds: float) -> Settled | AssertionError | CannotTell:
    """Settle orders while the journey writes; what kept it from it is an answer too, and worth telling with the rest."""
    from stack.settle import ENDINGS, settle

    endings = [ENDINGS[number % len(ENDINGS)] for number in range(count)]
    over = timedelta(seconds=seconds)
    try:
        return settle(stack, endings, within=over + _SETTLED_WITHIN, over=over)
    except (AssertionError, CannotTell) as error:
        return error
    except SeatrialError as failed:  # the stack did not do its part, and the writes want verifying all the same
        return AssertionError(str(failed))


def _verified(journey: Journey, log: Log) -> Losses | CannotTell:
    try:
        return journey.verify(log.acks)
    except CannotTell as error:
        return error  # what was done is worth telling all the same


def _stack_and_journey(options: argparse.Namespace) -> tuple[Stack | None, Journey]:
    """The journey, and the stack when its escrows can be settled too: a URL has no chain to pay on."""
    if options.url:
        from stack.marketplace import MarketplaceJourney

        return None, MarketplaceJourney(options.url)
    from stack.model import Stack
    from stack.project import environment

    files = options.compose_file or [Path(__file__).parent / "compose.yaml"]
    profile = options.profile or files[0].with_name("profile.toml")
    env = environment(options.project, options.offset)
    stack = Stack.load(files, project=options.project, profile=profile, env=env)
    return stack if stack.profile.chain else None, journey_of(stack)


class Parser(argparse.ArgumentParser):
    """Answers bad input with the exit code that all of Seatrial uses for it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with 4."""
        self.exit(4, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m stack.journey", description="Do the stack's business, then verify it.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="write for a while, then read everything back")
    run.add_argument("--for", dest="seconds", type=_seconds, default=30.0, help="how long, as 30s or 2m (default 30s)")
    run.add_argument("--rate", type=_rate, default=20.0, help="writes a second (default 20)")
    run.add_argument(
        "--escrow-share", type=_share, default=0.01, help="share of writes that are orders to settle (default 0.01)"
    )
    run.add_argument("--project", default="seatrial", help="the running stack (default seatrial)")
    run.add_argument("--offset", type=int, default=0, help="the port offset it was brought up with")
    run.add_argument(
        "--compose-file", type=Path, action="append", help="its compose files (default the reference stack's)"
    )
    run.add_argument("--profile", type=Path, help="its profile (default profile.toml beside the compose file)")
    run.add_argument("--url", help="a marketplace's base URL, instead of a stack")
    run.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _seconds(text: str) -> float:
    found = units.seconds(text)
    if not found or found <= 0:
        message = f"expected a duration such as 30s, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return found


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 10_000:
        message = f"expected writes a second, more than 0 and at most 10000, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return rate


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        message = f"expected a share from 0 to 1, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return share


def _told(log: Log, verdict: Losses | CannotTell, settled: Escrows) -> str:
    did = ", ".join(f"{count} {kind}" for kind, count in sorted(log.kinds.items())) or "nothing"
    found = f"cannot tell: {verdict}" if isinstance(verdict, CannotTell) else str(verdict)
    highest = max((ack.sequence for ack in log.acks), default=0)
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    latency = ", ".join(f"{name} {log.percentile(share) * 1000:.0f} ms" for name, share in shares)
    lines = [
        f"acknowledged  {len(log.acks)} writes in {log.seconds:.1f} s ({len(log.acks) / log.seconds:.1f}/s): {did}",
        f"sequence      up to {highest}",
        f"latency       {latency} (from when each was due)",
        f"unanswered    {log.unanswered}",
        *(f"refused       {count} × {why}" for why, count in log.refused.most_common()),
        f"verified      {found if log.acks else 'nothing, for nothing was acknowledged'}",
        *_settlements(settled),
    ]
    return "\n".join(lines)


def _settlements(settled: Escrows) -> list[str]:
    if settled is None:
        return []
    if isinstance(settled, CannotTell | AssertionError):
        return [f"escrows       {'cannot tell' if isinstance(settled, CannotTell) else 'NOT TRUE'}: {settled}"]
    ends = Counter(voyage.ending for voyage in settled.voyages)
    did = ", ".join(f"{count} {ending}" for ending, count in sorted(ends.items()))
    slowest = max(voyage.seconds for voyage in settled.voyages)
    return [
        f"escrows       {len(settled.voyages)} settled, the slowest in {slowest:.1f} s: {did}",
        *(f"NOT TRUE      {reason}" for reason in settled.wrong),
        *([] if settled.wrong else [f"money         all invariants hold; {settled.locked} piconero locked"]),
    ]


def _document(log: Log, verdict: Losses | CannotTell, settled: Escrows) -> dict[str, object]:
    return {
        "acknowledged": len(log.acks),
        "kinds": dict(log.kinds),
        "seconds": log.seconds,
        "latency_seconds": {
            name: log.percentile(share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "unanswered": log.unanswered,
        "refused": dict(log.refused),
        "losses": dataclasses.asdict(verdict) if isinstance(verdict, Losses) else None,
        "cannot_tell": str(verdict) if isinstance(verdict, CannotTell) else None,
        "escrows": None if settled is None else _escrows(settled),
    }


def _escrows(settled: Settled | AssertionError | CannotTell) -> dict[str, object]:
    if isinstance(settled, CannotTell | AssertionError):
        kind = "cannot_tell" if isinstance(settled, CannotTell) else "not_true"
        return {kind: [str(settled)]}
    orders = {voyage.order_id: voyage.payouts for voyage in settled.voyages}
    return {"settled": orders, "not_true": list(settled.wrong), "locked_piconero": settled.locked}
