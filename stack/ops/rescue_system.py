"""Rebuild a lost system in an empty project: database and wallets from backups, all else from this clone.

Run in a clone on a new machine that has, besides: the age key and the backup private key in `.operator/`, the secrets
file and the backup's public key in `stack/`, and the folder of the backups (--backups; or --from-project, whose volume
is used). Nothing is started before every backup is restored and verified. A project that holds anything is refused:
`rescue-database` and `rescue-wallets` restore into one that lives. --dry-run decrypts and verifies, and leaves nothing.

The chain is in no backup: it is the network's, and a new daemon fetches it from there. A private chain has no network:
--chain-from names the project whose chain is copied in its place.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import SeatrialError, UserError
from stack.ops import one_shot
from stack.ops.backup_wallets import WALLETS
from stack.ops.command import OK, Refused, answer
from stack.ops.rescue_database import facts_of
from stack.ops.rescue_wallets import Choice, require_same, side_by_side

if TYPE_CHECKING:
    from stack.model import Stack

_COPY_TRIES = 20
_VOLUMES = ("database", "chain", *(f"wallet-{name}" for name in WALLETS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--backups", type=Path, help="folder that holds the folders database and wallets")
    source.add_argument("--from-project", help="project on this engine whose backups are used")
    parser.add_argument("--chain-from", metavar="PROJECT", help="project whose private chain is copied")
    parser.add_argument("--project", default="seatrial", help="the empty project to rebuild in (default: %(default)s)")
    parser.add_argument("--offset", type=int, default=0, help="added to every port, beside another stack (default: 0)")
    parser.add_argument("--service", action="append", metavar="NAME", help="start only this one (may be repeated)")
    parser.add_argument("--no-build", action="store_true", help="take images as they are")
    parser.add_argument("--dry-run", action="store_true", help="decrypt and verify all, and leave nothing behind")


def main(args: argparse.Namespace) -> int:
    """Rebuild, and print what was restored, with the time of each phase."""
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, ROOT, environment

    if args.backups is not None and not args.backups.is_dir():
        raise UserError(f"{args.backups}: there is no such backup folder")
    require_keys(ROOT)
    env = environment(args.project, args.offset)
    profile = COMPOSE_FILE.with_name("profile.toml")
    stack = Stack.load([COMPOSE_FILE], project=args.project, profile=profile, env=env)
    require_empty(stack)
    backups = str(args.backups.resolve()) if args.backups else one_shot.place_of(args.from_project).backups
    began = time.monotonic()
    phases: dict[str, float] = {}
    with ExitStack() as undo:
        undo.callback(_leave_nothing, args.project)
        facts = fill(stack, backups, args.chain_from, phases, dry_run=args.dry_run)
        if not args.dry_run:
            start(stack, env, args.service, phases, facts, build=not args.no_build)
            undo.pop_all()
    seconds = time.monotonic() - began
    verb = "would rebuild" if args.dry_run else "rebuilt"
    lines = [f"{args.project}: {verb} from {each['archive']}" for each in facts.values()]
    told = {"restored": facts, "phases": phases, "seconds": round(seconds, 3), "dry_run": args.dry_run}
    answer(args, told, "\n".join([*lines, f"in {seconds:.1f} s"]))
    return OK


def require_keys(root: Path) -> None:
    """Refuse a clone whose keys are missing: `up` would make new ones, which open nothing.

    Raises:
        UserError: names what is not there.

    """
    from stack import backup_key
    from stack.secrets import Places

    places = Places(root)
    needed = (places.age_key, places.encrypted, backup_key.private(root), backup_key.public(root))
    if missing := [str(path) for path in needed if not path.is_file()]:
        raise UserError(f"{', '.join(missing)}: not there; without it nothing that was backed up can be opened")


def require_empty(stack: Stack) -> None:
    """Refuse a project that has containers or volumes: they may be all that is left of it.

    Raises:
        Refused: names the first few.

    """
    there = [attrs["Name"].lstrip("/") for attrs in stack.driver.containers(all=True)]
    there += [volume["Name"] for volume in stack.driver.volumes()]
    if there:
        raise Refused(
            f"{stack.project}: is not empty ({', '.join(there[:3])}{', …' if there[3:] else ''}); restore into it with"
            " rescue-database and rescue-wallets, or rebuild under another --project"
        )


def fill(
    stack: Stack, backups: str, chain_from: str | None, phases: dict[str, float], *, dry_run: bool
) -> dict[str, dict[str, Any]]:
    """Make the volumes and restore database, wallets and chain into them; return what was restored, by name.

    Raises:
        Refused, UserError: a backup was refused, or there is none.

    """
    from stack import secrets, volumes
    from stack.project import ROOT

    with _phase(phases, "volumes"):
        locks = secrets.fingerprint(secrets.decrypt(ROOT), "volumes", secrets.LOCKS_DATA)
        volumes.ready(stack.driver, set(_VOLUMES), snapshot=None, locked_with=locks)
    choices = [
        Choice(
            name,
            one_shot.handover_of(stack, wallet=name),
            one_shot.Place(backups, one_shot.wallet_place_of(stack.project, name).data),
        )
        for name in WALLETS
    ]
    database = one_shot.Place(backups, one_shot.place_of(stack.project).data)
    keys = one_shot.handover_of(stack)

    def restored(choice: Choice | None) -> dict[str, Any]:
        began = time.monotonic()
        if choice is None:
            done = one_shot.restore(stack.driver, keys, database, dry_run=dry_run)
        else:
            done = one_shot.restore_wallet(stack.driver, choice.keys, choice.wallet, choice.place, dry_run=dry_run)
        facts = facts_of(done.stdout, done.stderr, done.code)
        return {**facts, "seconds": round(time.monotonic() - began, 3)}

    with _phase(phases, "restore"):
        tasks = {"database": lambda: restored(None)}
        tasks |= {f"wallet-{each.wallet}": lambda each=each: restored(each) for each in choices}  # type: ignore[misc]
        facts = side_by_side(tasks)
    if chain_from and not dry_run:
        with _phase(phases, "chain"):
            copy_chain(stack, chain_from)
    return facts


def copy_chain(stack: Stack, source: str) -> None:
    """Copy the private chain of a project that may run: again and again until nobody wrote meanwhile.

    Raises:
        Refused: there is no such chain, or somebody wrote each time.

    """
    mark = "find /from -type f -name data.mdb -exec stat -c '%y %s' {} +"
    script = f"""
        for _ in $(seq {_COPY_TRIES}); do
            before=$({mark}); test -n "$before" || exit 1
            rm -rf /to/*; cp -a --sparse=always /from/. /to/ || exit 1
            test "$before" = "$({mark})" && exit 0
        done
        exit 2
    """
    done: Any = stack.driver.run_helper(
        ["sh", "-c", script],
        network="none",
        mounts=[
            f"type=volume,source={source}_chain,target=/from,readonly",
            f"type=volume,source={stack.project}_chain,target=/to",
        ],
        timeout_seconds=600,
    )
    if done.code != 0:
        why = "was written to during each of the copies" if done.code == 2 else done.last_words() or "holds no chain"
        raise Refused(f"{source}_chain: could not be copied: {why}")


def start(
    stack: Stack,
    env: dict[str, str],
    services: list[str] | None,
    phases: dict[str, float],
    facts: dict[str, dict[str, Any]],
    *,
    build: bool,
) -> None:
    """Start the system on what was restored, and ask the wallets whether they are who they were."""
    from stack import lifecycle

    with _phase(phases, "start"):
        lifecycle.up(stack.project, services=services, env=env, build=build)
    with _phase(phases, "verify"):
        require_same(stack, {name: facts[f"wallet-{name}"] for name in WALLETS})


@contextmanager
def _phase(phases: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        phases[name] = round(time.monotonic() - began, 3)


def _leave_nothing(project: str) -> None:
    """Remove what a rehearsal or a refused rebuild made: it was empty before, and half a system is none."""
    from stack import lifecycle
    from stack.progress import Progress

    try:
        lifecycle.down(project, progress=Progress(quiet=True))
    except SeatrialError as error:
        raise Refused(f"{project}: something of the attempt is left: {error}") from error
