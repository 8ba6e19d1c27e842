"""Kills runners, watchdogs, helpers and targets at random moments, and says whether anything was left: `python -m chaos.campaign`."""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chaos.campaign.calm import Calm, rounds_of
from chaos.campaign.draw import STEPS, VICTIMS, Kill, draw
from chaos.campaign.small import renew, small_stack
from chaos.campaign.table import Campaign, order_of
from chaos.campaign.trial import Judge, Trial, tried
from chaos.examples import ELSEWHERE, EXAMPLES
from chaos.runner import Runner, folder_of
from stack.errors import SeatrialError
from stack.model import Stack
from stack.progress import Progress, clock
from stack.sailing import Parser

CLEAN, LEFT, BAD_INPUT, INTERRUPTED = 0, 1, 4, 130
EPILOG = """\
A small stack of its own is brought up (st-campaign-<pid>: four containers on the local engine) and taken down again; no other
project is touched. First every fault is injected --rounds times with nobody killed, which gives the table's columns and the
overhead. Then, --kills times, a fresh runner injects a fault drawn from the seed and somebody is killed with SIGKILL at a step
drawn from it. Afterwards chaos/campaign/judge.py compares the stack with what it was, by docker, iptables, tc and /proc alone.

exit codes: 0 every fault bit, was taken back, and nothing was ever left; 1 not so (each with the command that repeats it);
4 bad input, or no engine, images or root; 130 Ctrl-C, with the table so far.

  python -m chaos.campaign --kills 200 --seed 7             about 15 minutes on two cores
  python -m chaos.campaign --kills 0                        the table and the overheads only
  python -m chaos.campaign --seed 7 --only 113              kill 113 of that seed again, and nothing else
  python -m chaos.campaign --effect latency --victim helper --kills 20
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit codes are in its --help."""
    options = _parser().parse_args(argv)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    effects = order_of(tuple(EXAMPLES), options.effect)
    drawn = functools.partial(
        draw, seed, effects=effects, steps=options.step or STEPS, victims=options.victim or VICTIMS
    )
    again = [drawn(number) for number in options.only or ()]
    planned = len(again) if options.only else options.kills
    campaign = Campaign(seed, planned, elsewhere={} if options.effect or options.only else ELSEWHERE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the small stack is taken down then, too
    progress, code = Progress(), CLEAN
    progress.say(f"seed {seed}: {len(effects)} faults, {options.rounds} calm rounds each, {planned} kills")
    try:
        with small_stack(options.project) as stack:
            judge = Judge(stack.project, folder_of(stack))
            calm = order_of((), [kill.effect for kill in again]) if options.only else effects
            campaign.calm += _calm(stack, judge, calm, max(1, options.rounds), progress)
            able = {one.effect for one in campaign.calm if not one.reason}
            # A fault that this machine can't have takes no kill away from the others: drawing goes on without it.
            kills = again or list(
                itertools.islice(
                    filter(lambda kill: kill.effect in able, map(drawn, itertools.count(1))), planned if able else 0
                )
            )
            _kill(stack, judge, [kill for kill in kills if kill.effect in able], campaign, progress)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        code = BAD_INPUT
    finally:
        progress.close()
    if campaign.calm:
        _tell(campaign, options.json, options.markdown)
    return code or (CLEAN if campaign.is_clean else LEFT)


def _calm(stack: Stack, judge: Judge, effects: Sequence[str], rounds: int, progress: Progress) -> list[Calm]:
    found = []
    with progress.step("each fault with nobody killed"):
        for effect in effects:
            calm = rounds_of(EXAMPLES[effect], stack, judge, rounds)
            found.append(calm)
            told = f"not assessed: {calm.reason}" if calm.reason else f"{calm.overhead_seconds:.2f} s"
            progress.say(f"  {effect}: {told}")
    Runner.of(stack).close()
    return found


def _kill(stack: Stack, judge: Judge, kills: Sequence[Kill], campaign: Campaign, progress: Progress) -> None:
    usually = {one.effect: one.usually for one in campaign.calm}
    began = time.monotonic()
    for count, kill in enumerate(kills, start=1):
        trial = tried(kill, stack, judge, usually[kill.effect])
        campaign.trials.append(trial)
        if trial.wrong:
            renew(stack)
            judge.look()
        elapsed = time.monotonic() - began
        left = elapsed / count * (len(kills) - count)
        progress.say(f"{count}/{len(kills)}  {_word(trial)}  [{clock(elapsed)}, about {clock(left)} to go]")


def _word(trial: Trial) -> str:
    ended = (
        f"LEFT {trial.wrong[0]} ({len(trial.wrong)} in all)"
        if trial.wrong
        else f"nothing left, healed by {trial.healer} in {trial.healed_seconds:.1f} s"
    )
    stood_in = f" ({trial.killed})" if trial.killed != trial.kill.victim else ""
    return f"{trial.kill}{stood_in}: {ended}"


def _tell(campaign: Campaign, to_json: Path | None, to_markdown: Path | None) -> None:
    text = campaign.markdown() + "\n"
    sys.stdout.write(text)
    if to_json:
        to_json.write_text(json.dumps(campaign.to_json(), indent=1) + "\n")
    if to_markdown:
        to_markdown.write_text(text)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m chaos.campaign",
        description=(__doc__ or "").split(":")[0] + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=_count, default=200, metavar="N", help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, help="what is drawn follows from it (default: a new one, printed)")
    parser.add_argument(
        "--rounds", type=_count, default=3, metavar="N", help="calm rounds a fault (default %(default)s)"
    )
    parser.add_argument(
        "--only", type=_count, action="append", metavar="K", help="only kill number K of the seed (repeatable)"
    )
    parser.add_argument(
        "--effect",
        action="append",
        choices=sorted(EXAMPLES),
        default=[],
        metavar="E",
        help=f"only in this fault (repeatable): {', '.join(sorted(EXAMPLES))}",
    )
    parser.add_argument(
        "--step",
        action="append",
        choices=STEPS,
        metavar="S",
        help=f"only at this step (repeatable): {', '.join(STEPS)}",
    )
    parser.add_argument(
        "--victim",
        action="append",
        choices=VICTIMS,
        metavar="V",
        help=f"only kill this one (repeatable): {', '.join(VICTIMS)}",
    )
    parser.add_argument(
        "--project", default=f"st-campaign-{os.getpid()}", help="what to call the small stack's project"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    return parser


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, found {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
