"""``python -m reports``: everything to the right of ``results.json``, without running anything.

Why this exists: a verdict has to be reproducible from its results by somebody else, later, on another machine. Exit
codes: 0 the question was answered with yes, 1 with no, 4 bad input (one sentence on standard error).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from reports import diff, merge, noise, picture, promotion, record, terminal
from reports.document import load
from reports.scorecard import Scorecard
from reports.verdict import judged, reaches
from reports.waivers import Waiver, read, recorded
from stack.errors import UserError

YES, NO, BAD_INPUT = 0, 1, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        asked = _parser().parse_args(arguments)
    except (
        SystemExit
    ) as ended:  # argparse has said it; its exit code for bad input is 2, which is pytest's "interrupted"
        return BAD_INPUT if ended.code else YES
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        return NO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports", description="Judge and render the results of a run again."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("render", help="write every rendering of a run again")
    one.add_argument("folder", type=Path, metavar="DIR", help="a run's folder, such as reports/out/latest")
    one.add_argument("--waivers", type=Path, metavar="FILE", help="use these waivers instead of the run's own")
    one.set_defaults(command=_render)

    one = commands.add_parser("gate", help="exit with 0 only if a run reached a tier")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument(
        "--gate", choices=["staging", "production"], default="production", help="the tier (default: production)"
    )
    one.add_argument("--waivers", type=Path, metavar="FILE", help="use these waivers instead of the run's own")
    one.add_argument(
        "--max-age", type=promotion.age, metavar="AGE", help="refuse evidence older than this: 90m, 24h, 7d"
    )
    one.add_argument(
        "--for",
        dest="images",
        type=Path,
        metavar="FILE",
        help="refuse evidence for other images: JSON, service → image id",
    )
    one.set_defaults(command=_gate)

    one = commands.add_parser("diff", help="what changed between two runs; exits with 1 if something got worse")
    one.add_argument("before", type=Path, metavar="A")
    one.add_argument("after", type=Path, metavar="B")
    one.set_defaults(command=_diff)

    one = commands.add_parser(
        "noise", help="run pytest several times on one stack and compare: exits with 0 only if all is silent and alike"
    )
    one.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: 5)")
    one.add_argument(
        "--out", type=Path, metavar="DIR", help="where the runs' reports go (default: reports/out/noise-…)"
    )
    one.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG", help="for pytest (default: suites/security)")
    one.set_defaults(command=_noise)

    one = commands.add_parser("merge", help="make one run of several parts of one release, and render it")
    one.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that does not exist yet")
    one.set_defaults(command=_merge)

    one = commands.add_parser("picture", help="a PNG of the top of a run's page, taken by headless Chromium")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("--out", type=Path, metavar="FILE", help="where it goes (default: scorecard.png in DIR)")
    one.set_defaults(command=_picture)

    one = commands.add_parser("journal", help="the experiments of a run as Chaos Toolkit journals them")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("--experiment", metavar="ID", help="only this one: an object, not a list of them")
    one.add_argument("--output", type=Path, metavar="FILE", help="where it goes (default: standard output)")
    one.set_defaults(command=_journal)

    one = commands.add_parser("docs", help="write docs/checks.md and suites/catalogue.tsv from the checks themselves")
    one.add_argument("--check", action="store_true", help="write nothing; exit with 1 if they are not current")
    one.set_defaults(command=_docs)
    return parser


def _render(asked: argparse.Namespace) -> int:
    from reports.publish import publish  # loads every renderer, which the other commands have no use for

    done = publish(asked.folder.resolve(), read(asked.waivers) if asked.waivers else None)
    _show(done.card, done.folder)
    return YES


def _gate(asked: argparse.Namespace) -> int:
    run = load(asked.folder)
    now = datetime.now(UTC)
    promotion.refuse_foreign(
        run, now, max_age=asked.max_age, images=promotion.read_images(asked.images) if asked.images else None
    )
    waivers: tuple[Waiver, ...] = read(asked.waivers) if asked.waivers else recorded(run.manifest.get("waivers") or ())
    card = judged(run, waivers, now.date(), gated=True)
    _show(card, asked.folder.resolve())
    return YES if reaches(card, asked.gate) else NO


def _diff(asked: argparse.Namespace) -> int:
    changes = diff.between(load(asked.before), load(asked.after))
    print(diff.told(changes))
    return NO if changes.worse else YES


def _noise(asked: argparse.Namespace) -> int:
    if asked.runs < 2:
        raise UserError(f"--runs {asked.runs}: at least two runs can be compared.")
    folder = asked.out or record.new_folder(Path("reports/out") / "noise")
    arguments = [word for word in asked.arguments if word != "--"] or ["suites/security"]
    runs = noise.collect(asked.runs, arguments, folder.resolve(), print, os.environ)
    found = noise.between(runs, datetime.now(UTC).date())
    print(noise.told(found))
    return YES if found.is_silent else NO


def _merge(asked: argparse.Namespace) -> int:
    merge.write(asked.folders, asked.out)
    asked.folder, asked.waivers = asked.out, None
    return _render(asked)


def _picture(asked: argparse.Namespace) -> int:
    out = asked.out or asked.folder / "scorecard.png"
    picture.take(asked.folder, out)
    print(out)
    return YES


def _journal(asked: argparse.Namespace) -> int:
    from reports.render import journal

    run = load(asked.folder)
    text = journal.one_of(judged(run, recorded(run.manifest.get("waivers") or ()), datetime.now(UTC).date()), asked.experiment)
    if asked.output is None:
        print(text, end="")
        return YES
    try:
        asked.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{asked.output}: it can't be written ({error.strerror}).") from error
    return YES


def _docs(asked: argparse.Namespace) -> int:
    from reports import docs  # loads pytest

    stale = docs.write(check_only=asked.check)
    for path in stale:
        print(f"{path}: {'is not current: run `make docs`' if asked.check else 'written'}")
    return NO if asked.check and stale else YES


def _show(card: Scorecard, folder: Path) -> None:
    out = sys.stdout
    width = 100 if not out.isatty() else terminal.columns()
    print(terminal.summary(card, folder, width=width, colours=out.isatty()))


if __name__ == "__main__":
    sys.exit(main())
