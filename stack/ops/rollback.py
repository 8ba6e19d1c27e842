"""Put the release that served before back into service, in the idle colour, as a deployment does: nobody is interrupted.

A deployment that was interrupted is undone instead. After a rollback there is nothing further to roll back to: what was
taken back is not what anybody should be led to again.
"""

from __future__ import annotations

import argparse

from stack.ops.command import OK, answer
from stack.ops.deploy import add_timing, duration, interruptibly, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("environment", metavar="ENVIRONMENT", help="staging or production")
    parser.add_argument("--dry-run", action="store_true", help="tell what it would lead to, and do nothing")
    add_timing(parser)


def main(args: argparse.Namespace) -> int:
    """Roll back, and print what serves with the time of each step."""
    from stack.deployment.gate import environment_of
    from stack.deployment.running import under_way
    from stack.progress import Progress

    where = environment_of(args.environment)
    progress = Progress(quiet=args.json)
    bake = where.bake if args.bake is None else duration("--bake", args.bake)

    def run() -> int:
        with under_way(
            args.project, progress, bake=bake, ready_within=duration("--ready-within", args.ready_within)
        ) as (
            _driver,
            deployment,
        ):
            if args.dry_run:
                record = deployment.book.read()
                to = str(record.previous) if record and record.previous else "nothing"
                answer(args, {"would_roll_back_to": to}, f"would roll back to {to}")
                return OK
            tell(args, deployment.rollback(), deployment.phases)
            return OK

    return interruptibly(run, progress)
