"""Remove backups that are past their age, and never the last good one of a kind, whatever its age.

A backup that fails its check is not "good": it never counts as the one that is kept. --dry-run names what would go.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.errors import UserError
from stack.ops.backup_folder import MANIFEST, backups, locked, require_folder
from stack.ops.command import OK, answer
from stack.ops.encrypted_database import sync
from stack.ops.manifest import Manifest
from stack.ops.verify_backups import fault_of

DEFAULT_DAYS = 90  # the original checklist's retention (design/suites.md)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--in", dest="folder", type=Path, default=Path("/backups/database"), help="backups' folder")
    parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="keep what is younger (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="name what would be removed, and remove nothing")


def main(args: argparse.Namespace) -> int:
    """Prune one folder and print what went."""
    if args.days < 1:
        raise UserError(f"--days is {args.days}, expected 1 or more")
    require_folder(args.folder)
    with locked(args.folder):
        gone = past_age(
            backups(args.folder),
            now=datetime.now(UTC),
            keep=timedelta(days=args.days),
            is_good=lambda each: fault_of(each, args.folder) is None,
        )
        if not args.dry_run:
            for each in gone:
                (args.folder / each.archive).unlink(missing_ok=True)
                (args.folder / (each.archive + MANIFEST)).unlink()
            sync(args.folder)
    names = [each.archive for each in gone]
    verb = "would remove" if args.dry_run else "removed"
    answer(args, {"removed": names, "dry_run": args.dry_run}, "\n".join([f"{verb} {len(names)} backups", *names]))
    return OK


def past_age(
    found: Sequence[Manifest], *, now: datetime, keep: timedelta, is_good: Callable[[Manifest], bool]
) -> list[Manifest]:
    """Choose what may go: older than `keep`, and not the newest good backup of its kind.

    `is_good` is asked only where the answer decides, since it reads a whole archive.
    """
    gone: list[Manifest] = []
    for kind in {each.kind for each in found}:
        newest_first = sorted((each for each in found if each.kind == kind), key=lambda each: each.made_at, reverse=True)
        kept_a_good_one = False
        for each in newest_first:
            old = datetime.fromisoformat(each.made_at) < now - keep
            if kept_a_good_one:
                if old:
                    gone.append(each)
                continue
            kept_a_good_one = is_good(each)
            if old and not kept_a_good_one:
                gone.append(each)
    return sorted(gone, key=lambda each: each.archive)
