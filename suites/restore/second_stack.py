"""Brings a second, empty stack up on a restored database, beside the first, and times each phase to the first transaction."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from stack import lifecycle, secrets, volumes
from stack.driver import Driver
from stack.errors import CannotTell, SeatrialError
from stack.model import Stack
from stack.ops import one_shot
from stack.ops.rescue_database import facts_of
from stack.progress import Progress
from stack.project import COMPOSE_FILE, ROOT, environment
from suites.check import not_applicable

SUFFIX = "-restore"
PORT_OFFSET = 10_000


@dataclass
class Rescue:
    """The second stack and how long each phase of its rescue took."""

    stack: Stack
    facts: dict[str, Any]
    """The restored backup's manifest."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds by phase, in order."""

    @property
    def seconds(self) -> float:
        """The recovery time so far."""
        return sum(self.phases.values())


@contextmanager
def rescued(first: Stack, keys: one_shot.Handover, archive: str) -> Iterator[Rescue]:
    """Restore a backup of `first` into an empty project and start what an order needs there; all is gone afterwards.

    Raises:
        Refused: the backup was refused.
        AssertionError: the second stack did not start on what was restored.
        CannotTell: there could be no second stack.

    """
    if first.compose_files[:1] != (COMPOSE_FILE,):
        not_applicable("a second stack beside the first needs its ports and subnets as parameters, as the reference stack's are")
    project = first.project + SUFFIX
    env = environment(project, offset=PORT_OFFSET)
    second = Stack.load([COMPOSE_FILE], project=project, profile=COMPOSE_FILE.with_name("profile.toml"), env=env)
    quiet = Progress(quiet=True)
    with ExitStack() as undo:
        lifecycle.down(project, progress=quiet)  # what a killed run left
        undo.callback(shutil.rmtree, second.state_dir, ignore_errors=True)
        undo.callback(lifecycle.down, project, progress=quiet)
        locks = secrets.fingerprint(secrets.decrypt(ROOT), "volumes", secrets.LOCKS_DATA)
        volumes.ready(second.driver, {"database"}, snapshot=None, locked_with=locks)
        place = one_shot.Place(one_shot.place_of(first.project).backups, one_shot.place_of(project).data)
        rescue = restore_empty(second.driver, second, keys, place, archive)
        began = time.monotonic()
        start(project, serving(second), env, quiet)
        rescue.phases["start"] = time.monotonic() - began
        yield rescue


def restore_empty(driver: Driver, second: Stack, keys: one_shot.Handover, place: one_shot.Place, archive: str) -> Rescue:
    """Run the restore, and keep its phases and what its container cost beside them."""
    began = time.monotonic()
    done = one_shot.restore(driver, keys, place, backup=archive)
    seconds = time.monotonic() - began
    facts = facts_of(done.stdout, done.stderr, done.code)
    inside: dict[str, float] = facts["phases"]
    return Rescue(second, facts, {"container": max(0.0, seconds - sum(inside.values())), **inside})


def serving(stack: Stack) -> list[str]:
    """The services an order needs: edge, application, and whatever those speak to by the profile's flows."""
    active = {each.name for each in stack.services if not each.idle}
    found = [each.name for each in stack.by_role("edge", "application") if each.name in active]
    if len(found) < 2:
        raise CannotTell(f"an edge and an application are needed for a transaction, found {found}")
    for name in found:  # grows while it is walked: what those speak to in turn
        to = {flow.target for flow in stack.profile.flows or () if flow.source == name}
        found += sorted((to & active) - set(found))
    return found


def start(project: str, services: list[str], env: dict[str, str], progress: Progress) -> None:
    """Start the services on what was restored."""
    try:
        lifecycle.up(project, services=services, env=env, progress=progress, build=False)
    except CannotTell:
        raise
    except SeatrialError as error:
        raise AssertionError(f"{project}: does not start on the restored database: {error}") from error
