"""Put a release into service: start it, wait until it is ready, try it, give it the customers, watch it, retire the old one.

With --blue-green it starts in the idle colour and nobody is interrupted; without, it takes the place of the one that
serves, and nobody is served while it starts. A release that does not become ready, fails its smoke test, crashes, or
answers badly while it is watched is taken back, and what served before serves again. Each step is written down before
it is taken: killed anywhere, the next deployment or rollback finishes or undoes it first. VERSION is an image by name
or digest; it is pulled where its name says from which registry. Where the release serves already, nothing is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import UserError
from stack.ops.command import OK, answer

if TYPE_CHECKING:
    from datetime import timedelta

    from stack.deployment.record import Record
    from stack.deployment.release import Release
    from stack.progress import Progress

INTERRUPTED, TERMINATED = 130, 143


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "environment", metavar="ENVIRONMENT", help="staging or production (which needs a passed readiness run)"
    )
    parser.add_argument("version", metavar="VERSION", help="the release's image: name:tag, or name@sha256:…")
    parser.add_argument("--blue-green", action="store_true", help="start it beside the one that serves, and switch")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("reports/out/latest"),
        help="the readiness run to show (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    add_timing(parser)


def add_timing(parser: argparse.ArgumentParser) -> None:
    """Declare what deploy and rollback share."""
    parser.add_argument("--project", default="seatrial", help="the project to deploy to (default: %(default)s)")
    parser.add_argument(
        "--bake", metavar="TIME", help="watch it for so long: 30s, 2m (default: staging 10s, production 60s)"
    )
    parser.add_argument(
        "--ready-within", metavar="TIME", default="60s", help="give it so long to be ready (default: %(default)s)"
    )


def main(args: argparse.Namespace) -> int:
    """Deploy, and print what serves with the time of each step."""
    from stack.deployment.gate import environment_of, require_passed
    from stack.deployment.release import known, obtain
    from stack.deployment.running import under_way
    from stack.progress import Progress

    where = environment_of(args.environment)
    progress = Progress(quiet=args.json)
    bake = where.bake if args.bake is None else duration("--bake", args.bake)
    require_passed(where, args.report)

    def run() -> int:
        with under_way(
            args.project, progress, bake=bake, ready_within=duration("--ready-within", args.ready_within)
        ) as (
            driver,
            deployment,
        ):
            if args.dry_run:
                rehearse(args, known(driver, args.version), deployment.site.active())
                return OK
            release = obtain(driver, args.version, progress)
            record = deployment.blue_green(release) if args.blue_green else deployment.standard(release)
            tell(args, record, deployment.phases)
            return OK

    return interruptibly(run, progress)


def rehearse(args: argparse.Namespace, release: Release | None, active: str) -> None:
    """Say what would be done."""
    what = str(release) if release else f"{args.version} (pulled first)"
    way = "in the idle colour" if args.blue_green else "in its place"
    facts = {"would_deploy": release.id if release else None, "blue_green": args.blue_green, "active": active}
    answer(args, facts, f"{args.project}: {active} serves; would deploy {what} {way}")


def tell(args: argparse.Namespace, record: Record, phases: dict[str, float]) -> None:
    """Say what serves now."""
    facts = {
        "serves": {"colour": record.serve.colour, "image": record.serve.release.image, "id": record.serve.release.id},
        "previous": record.previous.image if record.previous else None,
        "phases": {name: round(seconds, 3) for name, seconds in phases.items()},
    }
    took = f" ({sum(phases.values()):.1f} s)" if phases else ""
    answer(args, facts, f"{args.project}: {record.serve} serves{took}")


def interruptibly(run: Callable[[], int], progress: Progress) -> int:
    """Run it with SIGTERM unwinding like Ctrl-C: by then what was begun has been undone."""
    from stack.interruption import Terminated, interruptible

    try:
        with interruptible():
            return run()
    except Terminated:
        code = TERMINATED
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        progress.close()
    sys.stderr.write("interrupted: what was begun was undone, or is finished by the next deployment\n")
    return code


def duration(option: str, text: str) -> timedelta:
    """A span of time as compose writes it.

    Raises:
        UserError: it is none.

    """
    from datetime import timedelta

    from stack.units import seconds

    found = seconds(text)
    if found is None:
        raise UserError(f"{option} {text!r} is no time: write 500ms, 30s or 2m")
    return timedelta(seconds=found)
