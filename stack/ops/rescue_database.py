"""Restore the database of a project: rehearse, stop its servers, restore in a one-shot container, start them, wait for them.

Run on the operator's machine, which has the age key and the backup private key. The backups may be another project's
(--from-project). The servers are stopped only after a rehearsal has decrypted and verified the backup, so one that is
refused costs no downtime and changes nothing. --dry-run ends with the rehearsal.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from typing import TYPE_CHECKING, Any

from stack.errors import UserError
from stack.ops import one_shot
from stack.ops.command import BAD_INPUT, OK, Refused, answer
from stack.ops.standstill import await_ready, stopped

if TYPE_CHECKING:
    from stack.driver import Driver

ROLE = "application"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("backup", nargs="?", default="latest", help="archive's file name, or latest (the default)")
    parser.add_argument("--project", default="seatrial", help="the project to restore into (default: %(default)s)")
    parser.add_argument("--from-project", help="the project whose backups are used (default: the same)")
    parser.add_argument("--dry-run", action="store_true", help="decrypt and verify, then leave all as it is")


def main(args: argparse.Namespace) -> int:
    """Restore, and print what is now in place with the time of each phase."""
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    stack = Stack.load(
        [COMPOSE_FILE],
        project=args.project,
        profile=COMPOSE_FILE.with_name("profile.toml"),
        env=environment(args.project),
    )
    servers = [service.name for service in stack.by_role(ROLE)]
    place = one_shot.Place(
        one_shot.place_of(args.from_project or args.project).backups, one_shot.place_of(args.project).data
    )
    began = time.monotonic()
    facts = rescue(
        stack.driver, servers, one_shot.handover_of(stack), place, backup=args.backup, dry_run=args.dry_run
    )
    seconds = time.monotonic() - began
    verb = "would restore" if args.dry_run else "restored"
    answer(
        args,
        {**facts, "seconds": round(seconds, 3)},
        f"{args.project}: {verb} {facts['archive']} up to sequence {facts['content']['highest_sequence']} in {seconds:.1f} s",
    )
    return OK


def rescue(
    driver: Driver,
    servers: list[str],
    keys: one_shot.Handover,
    place: one_shot.Place,
    *,
    backup: str = "latest",
    dry_run: bool = False,
) -> dict[str, Any]:
    """Restore with the servers stopped, start those that ran, and return the manifest's facts with `phases` in seconds.

    Raises:
        Refused, UserError: the backup was refused, or there is none; nothing was stopped or changed.
        AssertionError: the servers did not become ready within a minute.

    """
    rehearsal = one_shot.restore(driver, keys, place, backup=backup, dry_run=True)
    facts = facts_of(rehearsal.stdout, rehearsal.stderr, rehearsal.code)
    if dry_run:
        return facts
    with stopped(driver, servers) as running:
        done = one_shot.restore(driver, keys, place, backup=str(facts["archive"]))
        facts = facts_of(done.stdout, done.stderr, done.code)
        began = time.monotonic()
    if running:
        await_ready(driver, running, what="the servers are ready")
        facts["phases"]["start"] = round(time.monotonic() - began, 4)
    return facts


def facts_of(stdout: str, stderr: str, code: int) -> dict[str, Any]:
    """Read what a restore answered to --json in its container.

    Raises:
        Refused: with its own sentence.
        UserError: likewise, where it ended with the exit code of bad input.

    """
    if code != OK:
        sentence = re.sub(r"^stack\.ops restore-\w+: ", "", stderr.strip()) or f"exit code {code}"
        raise UserError(sentence) if code == BAD_INPUT else Refused(sentence)
    facts: dict[str, Any] = json.loads(stdout)
    return facts

