"""Runs a journey at a given rate and verifies it: `python -m stack.journey run --for 30s --rate 20`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from stack import units
from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey, Losses, journey_of
from stack.waiting import pause


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
    """Run the command. Exit codes: 0 nothing lost, 1 losses or nothing acknowledged, 4 bad input or no answer."""
    options = _parser().parse_args(argv)
    try:
        journey = _journey(options)
    except SeatrialError as error:
        print(str(error).rstrip(".") + ".", file=sys.stderr)
        return 4
    log = sail(journey, seconds=options.seconds, rate=options.rate)
    verdict: Losses | CannotTell
    try:
        verdict = journey.verify(log.acks)
    except CannotTell as error:
        verdict = error  # what was done is worth telling all the same
    print(json.dumps(_document(log, verdict), indent=2) if options.json else _told(log, verdict))
    if isinstance(verdict, CannotTell):
        return 4
    return 1 if verdict or not log.acks else 0


def _journey(options: argparse.Namespace) -> Journey:
    if options.url:
        from stack.marketplace import MarketplaceJourney

        return MarketplaceJourney(options.url)
    from stack.model import Stack
    from stack.project import environment

    files = options.compose_file or [Path(__file__).parent / "compose.yaml"]
    profile = options.profile or files[0].with_name("profile.toml")
    return journey_of(Stack.load(files, project=options.project, profile=profile, env=environment(options.project)))


class _Parser(argparse.ArgumentParser):
    """Answers bad input with the exit code that all of Seatrial uses for it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with 4."""
        self.exit(4, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m stack.journey", description="Do the stack's business, then verify it.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="write for a while, then read everything back")
    run.add_argument("--for", dest="seconds", type=_seconds, default=30.0, help="how long, as 30s or 2m (default 30s)")
    run.add_argument("--rate", type=_rate, default=20.0, help="writes a second (default 20)")
    run.add_argument("--project", default="seatrial", help="the running stack (default seatrial)")
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


def _told(log: Log, verdict: Losses | CannotTell) -> str:
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
    ]
    return "\n".join(lines)


def _document(log: Log, verdict: Losses | CannotTell) -> dict[str, object]:
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
    }
