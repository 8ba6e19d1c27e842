"""Show the backups of a folder, newest first: what could be restored, and up to which acknowledged write."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from stack.ops.backup_folder import backups
from stack.ops.command import OK, answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--in", dest="folder", type=Path, default=Path("/backups/database"), help="backups' folder")


def main(args: argparse.Namespace) -> int:
    """Print one line a backup."""
    found = backups(args.folder)
    lines = [
        f"{each.made_at}  {each.kind:<14}  {each.archive_bytes:>12} bytes  {each.trigger:<8}  {each.archive}"
        for each in found
    ]
    answer(args, {"backups": [asdict(each) for each in found]}, "\n".join(lines) or f"{args.folder}: holds no backup")
    return OK
