"""For a person at 3 a.m.: what is broken on purpose, and take it back. `python -m chaos status|heal|inject|list|experiments|docs|journal`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import CannotTell, SeatrialError, UserError
from stack.project import DEFAULT
from stack.sailing import Parser

if TYPE_CHECKING:
    from chaos.effect import Fault
    from stack.model import Stack

OK, LEFT, BAD_INPUT = 0, 1, 4
_LAST_RUN = Path(__file__).parent.parent / "reports" / "out" / "latest" / "results.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 nothing stands (any more), 1 something does, could not be asked or was not seen to bite, 4 bad input."""
    words = list(sys.argv[1:] if argv is None else argv)
    options = _parser(injecting="inject" in words).parse_args(words)
    try:
        match options.command:
            case "list":
                return _list()
            case "docs":
                return _docs(options.output)
            case "experiments":
                return _experiments(options.results)
            case "journal":
                return _journal(options.results, options.experiment, options.output)
        stack = _stack(options)
        if options.command == "capabilities":
            return _capabilities(stack)
        if options.project not in (None, DEFAULT):
            _require_there(stack)
        if options.command == "inject":
            return _inject(stack, options)
        return _status(stack) if options.command == "status" else _heal(stack)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return LEFT


_INJECT = "Break one thing for a bounded time, journaled; it is taken back at the end, at Ctrl-C, and by a watchdog should this process die."
EPILOG = """\
  python -m chaos status                    what stands, since when, by whom, and what healing it will do
  python -m chaos heal                      take it back and prove that it is gone; needs no permission, as it restores
  python -m chaos list                      the faults there are, their parameters and a command that injects each
  python -m chaos inject paused --service nginx --for 10s --allow-faults seatrial

exit codes: 0 nothing stands (any more), 1 something does, could not be taken back or could not be asked (inject: or nothing
showed that the fault bit, or it can't be had here), 4 bad input, 130 Ctrl-C (inject: proved gone first)
"""


def _parser(*, injecting: bool = False) -> Parser:
    parser = Parser(
        prog="python -m chaos",
        description=(__doc__ or "").split(". ")[0] + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _say_which_stack(parser, project=None, files=None)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help in (
        ("status", "what stands: faults in the journal that nothing took back"),
        ("heal", "take back what stands, and prove that it is gone"),
    ):
        # Suppressed, as a default here would undo what was said before the command.
        _say_which_stack(commands.add_parser(name, help=help), project=argparse.SUPPRESS, files=argparse.SUPPRESS)
    inject = commands.add_parser(
        "inject", help="break one thing for a bounded time, journaled, and take it back", description=_INJECT
    )
    if injecting:
        from chaos.by_hand import add_faults

        add_faults(inject)
    commands.add_parser("list", help="the faults there are, with their parameters and an example of each")
    commands.add_parser("capabilities", help="what this machine offers to faults, and what is done where it does not")
    experiments = commands.add_parser("experiments", help="the experiments there are, and what they cover")
    experiments.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="a run's results.json, which tells how long they took (default: the last run's)",
    )
    journal = commands.add_parser("journal", help="a run's experiments as Chaos Toolkit journals them")
    journal.add_argument("results", metavar="RESULTS", help="a run's folder, such as reports/out/latest")
    journal.add_argument("--experiment", metavar="ID", help="only this one: an object, not a list of them")
    journal.add_argument("--output", metavar="FILE", help="where it goes (default: standard output)")
    docs = commands.add_parser("docs", help="write the catalogue of faults")
    docs.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "faults.md")
    return parser


def _say_which_stack(parser: argparse.ArgumentParser, *, project: str | None, files: str | None) -> None:
    parser.add_argument("--project", default=project, help=f"the compose project (default: {DEFAULT})")
    told = "default: what the last runner that broke the project used, else the reference stack's"
    parser.add_argument(
        "--compose-file", type=Path, action="append", default=files, metavar="FILE", help=f"its compose files ({told})"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        default=files,
        metavar="FILE",
        help="its profile, where faults need one to find what they changed",
    )


def _require_there(stack: Stack) -> None:
    """Refuse a project that somebody named and that nobody has heard of: a typo must not read as good news.

    Raises UserError; CannotTell when the engine does not say.
    """
    from chaos.runner import journal_of

    if not journal_of(stack).path.exists() and not stack.driver.containers(all=True):
        raise UserError(
            f"--project {stack.project}: there is no such project, it has neither a container nor a journal of faults"
        )


def _stack(options: argparse.Namespace) -> Stack:
    """The project as its files are told, or as the last runner that broke it knew it, or the reference stack."""
    from chaos.runner import known_stack
    from stack.model import ROOT, Stack
    from stack.project import COMPOSE_FILE, environment

    project = options.project or DEFAULT
    if options.profile and not options.profile.is_file():
        raise UserError(f"{options.profile}: no such profile")
    if not options.compose_file and (known := known_stack(project, ROOT)):
        return known
    env = {} if options.compose_file else environment(project)
    profile = options.profile or (None if options.compose_file else COMPOSE_FILE.with_name("profile.toml"))
    return Stack.load(options.compose_file or [COMPOSE_FILE], project=project, profile=profile, env=env)


def _status(stack: Stack) -> int:
    from chaos.faults import decode
    from chaos.runner import journal_of, who_is_at

    standing = journal_of(stack).standing()
    at_it = who_is_at(stack)
    for intent in standing:
        try:
            fault = decode(intent.fault)
        except UserError as error:
            sys.stdout.write(
                f"{intent.fault} since {intent.at} by pid {intent.pid}: this Seatrial can't undo it: {error}\n"
            )
            continue
        try:
            seen = "is seen" if fault.active(stack) else "is not seen any more"
        except CannotTell as error:
            seen = f"can't be looked at ({error})"
        failed = f"; its revert failed: {intent.failure}" if intent.failure else ""
        sys.stdout.write(f"{fault} since {intent.at} by pid {intent.pid}: {seen}{failed}\n")
        sys.stdout.write(f"  healing: {_healing(fault)}\n")
    if not standing:
        sys.stdout.write(f"nothing stands in project {stack.project}\n")
    elif at_it:
        sys.stdout.write(f"a runner is at it and takes it back itself: {at_it}\n")
    else:
        sys.stdout.write(f"nobody is at it: `python -m chaos heal --project {stack.project}` takes it back\n")
    return LEFT if standing else OK


def _healing(fault: Fault) -> str:
    from chaos.catalogue import first_line

    return f"{first_line(type(fault).revert)} At most {fault.revert_within.total_seconds():g} s."


def _heal(stack: Stack) -> int:
    from chaos.runner import heal_leftovers, journal_of
    from stack.progress import Progress

    count = len(journal_of(stack).standing())
    if not count:
        sys.stdout.write(f"nothing stands in project {stack.project}\n")
        return OK
    progress = Progress()
    try:
        with progress.step(f"taking back {count} {'fault' if count == 1 else 'faults'} and proving them gone"):
            healed = heal_leftovers(stack)
    finally:
        progress.close()
    for each in healed:
        sys.stdout.write(f"{each.what}: {each.message}\n")
    return OK if all(each.ok for each in healed) else LEFT


def _inject(stack: Stack, options: argparse.Namespace) -> int:
    from chaos.by_hand import inject

    return inject(stack, options)


def _capabilities(stack: Stack) -> int:
    from chaos.capabilities import lines

    sys.stdout.write("\n".join(lines(stack.driver)) + "\n")
    return OK


def _list() -> int:
    from chaos.catalogue import summary

    sys.stdout.write("\n".join(summary()) + "\n")
    return OK


def _journal(results: str, experiment: str | None, output: str | None) -> int:
    """A journal is made of results, and whoever makes something of results is the reports, whom chaos does not know."""
    chosen = [*(("--experiment", experiment) if experiment else ()), *(("--output", output) if output else ())]
    return subprocess.run([sys.executable, "-m", "reports", "journal", results, *chosen], check=False).returncode


def _experiments(results: Path | None) -> int:
    from chaos.budget import measured
    from chaos.coverage import tiers_of
    from chaos.experiments import every
    from chaos.listing import listing
    from chaos.machines import every as machines
    from stack.profile import Profile
    from stack.project import COMPOSE_FILE

    tiers = tiers_of(Profile.load(COMPOSE_FILE.with_name("profile.toml")))
    known = measured(results or _LAST_RUN)
    if results and not known:
        raise UserError(f"--results {results}: no results.json of a run with experiments")
    sys.stdout.write("\n".join(listing(every(), tiers, known)) + "\n")
    sys.stdout.write(
        f"\nSeconds with a ~ were not measured in {results or 'the last run'}: they are what the experiment expects.\n"
    )
    drawn = ", ".join(each.id for each in machines().values())
    sys.stdout.write(
        f"Besides, `pytest chaos` runs the machines {drawn} (docs/machines.md), which draw their own faults.\n"
    )
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
