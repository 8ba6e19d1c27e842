"""Check every backup of a folder against its manifest: there, of the stated size, and byte for byte what was made.

Needs no private key, so it can run anywhere. What the encryption holds is proved by `restore-database --dry-run`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stack.ops.backup_folder import backups
from stack.ops.command import FAILED, OK, Refused, answer
from stack.ops.manifest import Manifest, require_archive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--in", dest="folder", type=Path, default=Path("/backups/database"), help="backups' folder")


def main(args: argparse.Namespace) -> int:
    """Verify all, name each that is bad, and fail when one is or when there is none."""
    found = backups(args.folder)
    faults = {each.archive: fault for each in found if (fault := fault_of(each, args.folder))}
    good = len(found) - len(faults)
    sentence = "\n".join([*faults.values(), f"{args.folder}: {good} of {len(found)} backups are as they were made"])
    answer(args, {"good": good, "faults": faults}, sentence)
    return OK if found and not faults else FAILED


def fault_of(backup: Manifest, folder: Path) -> str | None:
    """Say what is wrong with a backup's archive, or None when it is byte for byte what was made."""
    try:
        require_archive(backup, folder)
    except Refused as fault:
        return str(fault)
    return None
