"""Tell whether a backup service does its work: its scheduler answers, and the newest backup is fresh and of its size."""

from __future__ import annotations

import argparse
import http.client
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.errors import UserError
from stack.ops.backup_folder import backups
from stack.ops.command import OK, Refused, answer
from stack.ops.manifest import Manifest


@dataclass(frozen=True)
class Plan:
    """What one backup service promises."""

    folder: str
    kinds: tuple[str, ...]
    within_seconds: float
    """Age the newest of each kind may have: the schedule's interval and half as much again."""


PLANS = {
    "database": Plan("database", ("database",), 1.5 * 30 * 60),
    "wallets": Plan("wallets", ("wallet-buyer", "wallet-vendor", "wallet-arbiter"), 1.5 * 6 * 3600),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("plan", nargs="?", choices=PLANS, help="which service's (default: the one that may write here)")
    parser.add_argument("--backups", type=Path, default=Path("/backups"), help="folder above the backups' folders")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="age the newest may have (default: the plan's)")
    parser.add_argument("--scheduler", type=Path, default=Path("/tmp/yacron.sock"), help="yacron's socket")


def main(args: argparse.Namespace) -> int:
    """Ask the scheduler, look at the newest backup of each kind, and refuse at the first thing that is wrong."""
    plan = PLANS[args.plan or own_plan(args.backups)]
    folder = args.backups / plan.folder
    ask_scheduler(args.scheduler)
    within = timedelta(seconds=plan.within_seconds if args.within is None else args.within)
    ages = {kind: require_fresh(backups(folder, kind=kind), kind, folder, within=within) for kind in plan.kinds}
    answer(args, {"age_seconds": ages}, ", ".join(f"{kind}: {age:.0f} s old" for kind, age in ages.items()))
    return OK


def own_plan(above: Path) -> str:
    """Tell which plan this service carries out: the one whose folder it may write to.

    Raises:
        UserError: none of them.

    """
    for name, plan in PLANS.items():
        if os.access(above / plan.folder, os.W_OK | os.X_OK):
            return name
    raise UserError(f"{above}: holds no folder of backups that may be written to here")


def ask_scheduler(path: Path) -> None:
    """Ask yacron for its version over its socket.

    Raises:
        Refused: it does not answer.

    """
    connection = http.client.HTTPConnection("scheduler", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(str(path))
        connection.request("GET", "/version")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{path}: the scheduler does not answer ({error})") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise Refused(f"{path}: the scheduler answered {status}")


def require_fresh(found: list[Manifest], kind: str, folder: Path, *, within: timedelta) -> float:
    """Return the newest backup's age in seconds.

    Raises:
        Refused: there is none, it is too old, or its archive is missing or not of its stated size.

    """
    if not found:
        raise Refused(f"{folder}: holds no {kind} backup yet")
    newest = found[0]
    age = datetime.now(UTC) - datetime.fromisoformat(newest.made_at)
    if age > within:
        raise Refused(f"{newest.archive}: is {age.total_seconds():.0f} s old, expected at most {within.total_seconds():.0f}")
    archive = folder / newest.archive
    if not archive.is_file() or archive.stat().st_size != newest.archive_bytes:
        raise Refused(f"{newest.archive}: is missing or not of its stated size")
    return age.total_seconds()
