"""For a person at 3 a.m.: what is broken on purpose, and take it back. `python -m chaos status|heal|list|docs`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import CannotTell, SeatrialError, UserError

if TYPE_CHECKING:
    from stack.model import Stack

OK, LEFT, BAD_INPUT = 0, 1, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 nothing stands (any more), 1 something does or could not be asked, 4 bad input."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--project", default="seatrial", help="the compose project (default: seatrial)")
    parser.add_argument(
        "--compose-file", type=Path, action="append", help="its compose files (default: the reference stack's)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="what stands: faults in the journal that nothing took back")
    commands.add_parser("heal", help="take back what stands, and prove that it is gone")
    commands.add_parser("list", help="the faults there are")
    docs = commands.add_parser("docs", help="write the catalogue of faults")
    docs.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "faults.md")
    options = parser.parse_args(argv)
    try:
        match options.command:
            case "list":
                return _list()
            case "docs":
                return _docs(options.output)
            case "status":
                return _status(_stack(options))
            case _:
                return _heal(_stack(options))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return LEFT


def _stack(options: argparse.Namespace) -> Stack:
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    ours = not options.compose_file
    env = environment(options.project) if ours else {}
    return Stack.load(options.compose_file or [COMPOSE_FILE], project=options.project, env=env)


def _status(stack: Stack) -> int:
    from chaos.faults import decode
    from chaos.runner import journal_of

    standing = journal_of(stack).standing()
    for intent in standing:
        fault = decode(intent.fault)
        try:
            seen = "is seen" if fault.active(stack) else "is not seen any more"
        except CannotTell as error:
            seen = f"can't be looked at ({error})"
        failed = f"; its revert failed: {intent.failure}" if intent.failure else ""
        sys.stdout.write(f"{fault} since {intent.at} by pid {intent.pid}: {seen}{failed}\n")
    if not standing:
        sys.stdout.write(f"nothing stands in project {stack.project}\n")
    return LEFT if standing else OK


def _heal(stack: Stack) -> int:
    from chaos.runner import heal_leftovers

    healed = heal_leftovers(stack)
    for each in healed:
        sys.stdout.write(f"{each.what}: {each.message}\n")
    if not healed:
        sys.stdout.write(f"nothing stands in project {stack.project}\n")
    return OK if all(each.ok for each in healed) else LEFT


def _list() -> int:
    from chaos.catalogue import summary

    sys.stdout.write("\n".join(summary()) + "\n")
    return OK


def _docs(output: Path) -> int:
    from chaos.catalogue import page

    try:
        output.write_text(page())
    except OSError as error:
        raise UserError(f"{output} can't be written: {error.strerror}") from error
    return OK


if __name__ == "__main__":
    sys.exit(main())
