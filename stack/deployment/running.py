"""One deployment of a project at a time: a second one is refused, and what a killed one left running is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from stack.deployment.bake import Limits
from stack.deployment.compose_site import ComposeSite, connect
from stack.deployment.procedure import Deployment
from stack.deployment.record import FILE, Book
from stack.driver import Driver
from stack.errors import CannotTell
from stack.lock import Lock, Taken
from stack.progress import Progress
from stack.waiting import eventually

LOCK = "deployment.lock"
_ENDS_WITHIN = timedelta(seconds=130)
"""What a killed deployment had asked compose for goes on; compose itself is given 120 s."""


@contextmanager
def under_way(
    project: str, progress: Progress, *, bake: timedelta, ready_within: timedelta
) -> Iterator[tuple[Driver, Deployment]]:
    """The right to deploy to the project, for the length of the block.

    Raises:
        Taken: somebody else is deploying to it; the message names them.
        UserError: there is no such project here.

    """
    driver = connect(project)
    folder = Path(driver.env["SEATRIAL_STATE_DIR"])
    lock = Lock(folder / LOCK, why=f"{project} is being deployed to by another process")
    _take(lock, progress)
    try:
        limits = Limits()
        site = ComposeSite(driver, lock, limits)
        yield driver, Deployment(site, Book(folder / FILE), progress, bake, ready_within, limits)
    finally:
        lock.drop()


def _take(lock: Lock, progress: Progress) -> None:
    """Take the lock; where its holder is dead, and a child it started holds on, wait for that one's end."""
    try:
        lock.take()
    except Taken:
        if lock.holder_lives():
            raise
        every = timedelta(milliseconds=100)
        try:
            with progress.step("waiting for the end of what a killed deployment had begun"):
                eventually(lambda: _is_taken(lock), within=_ENDS_WITHIN, every=every, what="the lock")
        except AssertionError as error:
            message = f"what a killed deployment ({lock.holder()}) had begun has not ended in {_ENDS_WITHIN.total_seconds():g} s"
            raise CannotTell(message) from error


def _is_taken(lock: Lock) -> bool:
    try:
        lock.take()
    except Taken:
        if lock.holder_lives():
            raise
        return False
    return True
