"""Gives people the reference stack by hand: up, down, what runs, what it said, its images, and whether this machine can."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from stack import lifecycle
from stack.errors import SeatrialError, UserError
from stack.faultable import OVERLAY
from stack.interruption import Terminated
from stack.progress import Progress
from stack.project import COMPOSE_FILE, DEFAULT, environment

OK, FAILED, BAD_INPUT = 0, 1, 4
_SIGINT, _SIGTERM = 130, 143

EPILOG = """\
examples:
  python -m stack up                       bring everything up; comes back when every service is healthy
  python -m stack up --without grafana     … without a service whose image can't be had here
  python -m stack up --faults --project rehearsal --offset 1000 --services nginx server-blue
                                           … a small copy whose disk may be filled and whose clock may be shifted
  python -m stack ps                       how each service is
  python -m stack logs nginx --tail 20     what a service said last
  python -m stack down                     remove containers, networks, volumes, rules and rendered secrets
  python -m stack doctor                   what this machine has, what it lacks, and what each lack costs

exit codes: 0 done · 1 it failed · 4 something you can mend, said in one sentence · 130/143 interrupted (nothing is left)
"""


def parser() -> argparse.ArgumentParser:
    """Declare the command line."""
    top = argparse.ArgumentParser(
        prog="python -m stack",
        description="The reference stack: a Monero marketplace with its monitoring, logs and backups.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="bring it up and wait until every service is healthy")
    up.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave a service out (repeatable)")
    up.add_argument("--services", nargs="+", metavar="SERVICE", help="only these")
    up.add_argument("--offset", type=int, default=0, metavar="N", help="add N to every host port: a second stack beside the first")
    up.add_argument(
        "--faults", action="store_true", help="as a copy whose disk may be filled and clock shifted (stack/compose.faults.yaml)"
    )
    up.add_argument("--no-build", action="store_true", help="take the images as they are")

    down = commands.add_parser("down", help="take it down and leave nothing behind")
    down.add_argument("--keep-volumes", action="store_true", help="keep the data")

    commands.add_parser("ps", help="list the services and their health")

    logs = commands.add_parser("logs", help="show what a service wrote")
    logs.add_argument("service")
    logs.add_argument("--tail", type=int, default=100, metavar="LINES", help="how many lines (default: %(default)s)")

    images = commands.add_parser("images", help="obtain every image: present, else pulled, else built")
    images.add_argument("names", nargs="*", metavar="IMAGE", help="only these (default: all the stack needs)")

    commands.add_parser("doctor", help="say what is here against what is needed, and what each lack costs")

    for command in (up, down, commands.choices["ps"], logs):
        command.add_argument("--project", default=DEFAULT, help="the compose project (default: %(default)s)")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code; errors are one sentence on standard error."""
    try:
        args = parser().parse_args(argv)
    except SystemExit as ended:
        return OK if not ended.code else BAD_INPUT
    try:
        return _COMMANDS[args.command](args)
    except Terminated:
        print("stack: terminated; nothing was left behind", file=sys.stderr)
        return _SIGTERM
    except KeyboardInterrupt:
        print("stack: interrupted; nothing was left behind", file=sys.stderr)
        return _SIGINT
    except SeatrialError as error:
        print(f"stack: {error}", file=sys.stderr)
        return exit_code(error)


def exit_code(error: SeatrialError) -> int:
    """Answer 4 for what the person at the keyboard can mend (bad input, no engine), 1 for what broke."""
    from stack.errors import CannotTell

    return BAD_INPUT if isinstance(error, UserError | CannotTell) else FAILED


def _up(args: argparse.Namespace) -> int:
    from stack.engine import ensure_engine

    if args.faults and args.project == DEFAULT:
        message = f"--faults is for a copy, never for {DEFAULT}: name one with --project, and give it an --offset"
        raise UserError(message)
    progress = Progress()
    ensure_engine(progress)
    lifecycle.up(
        args.project,
        without=args.without,
        services=args.services,
        env=environment(args.project, args.offset),
        progress=progress,
        build=not args.no_build,
        overlays=[OVERLAY] if args.faults else [],
    )
    progress.say(f"{args.project} is up ({progress.total_seconds:.1f} s)")
    progress.close()
    return OK


def _down(args: argparse.Namespace) -> int:
    progress = Progress()
    lifecycle.down(args.project, volumes=not args.keep_volumes, progress=progress)
    progress.close()
    return OK


def _ps(args: argparse.Namespace) -> int:
    services = lifecycle.state(args.project).services
    width = max(map(len, services), default=0)
    for name, health in sorted(services.items()):
        print(f"{name:<{width}}  {health}")
    if not services:
        print(f"nothing of {args.project} is up", file=sys.stderr)
    return OK


def _logs(args: argparse.Namespace) -> int:
    from stack.driver import Driver

    driver = Driver.connect(args.project, [COMPOSE_FILE], env=environment(args.project))
    ids = driver.container_ids(args.service, all=True)
    if not ids:
        message = f"{args.project} has no container of a service {args.service}: `python -m stack ps` lists them"
        raise UserError(message)
    for container in ids:
        sys.stdout.write(driver.logs(container, tail=args.tail))
    return OK


def _images(args: argparse.Namespace) -> int:
    from stack import images

    progress = Progress()
    missing = images.obtain(args.names or lifecycle.images_of(), progress)
    progress.close()
    for name, reason in missing:
        print(f"stack: {name} could not be had: {reason}", file=sys.stderr)
    return FAILED if missing else OK


def _doctor(args: argparse.Namespace) -> int:
    from stack.doctor import main as examine

    return examine()


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "up": _up,
    "down": _down,
    "ps": _ps,
    "logs": _logs,
    "images": _images,
    "doctor": _doctor,
}

if __name__ == "__main__":
    sys.exit(main())
