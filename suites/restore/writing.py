"""Makes a backup while the stack's journey writes, and keeps what was acknowledged when, to hold the backup to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stack.clients.market import Refused
from stack.errors import CannotTell, SeatrialError
from stack.journey import Ack, Journey
from stack.model import Stack
from stack.waiting import pause
from suites.restore.guide import command

BACKUP = ("python", *command("backup-database"), "--json")
BEFORE_SECONDS = 1.5
AFTER_SECONDS = 0.5


@dataclass
class Writer:
    """A journey that writes in a thread until it is told to stop."""

    journey: Journey
    acks: list[Ack] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    """Writes that were neither acknowledged nor refused."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._write, args=(stop,), name="journey", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=30)

    def _write(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.acks.append(self.journey.act())
            except Refused as refused:
                stop.wait(refused.retry_after_seconds or 0.2)
            except (CannotTell, SeatrialError) as error:
                self.unsure.append(str(error))
                stop.wait(0.2)


@dataclass(frozen=True)
class Made:
    """A backup and the writes around it."""

    manifest: dict[str, Any]
    acks: Sequence[Ack]
    seconds: float
    ended_at: float
    """When the writing ended: had the host been lost then, this backup is what there would be."""

    @property
    def made_at(self) -> float:
        """When the backup's copy was begun, in Unix seconds."""
        return datetime.fromisoformat(self.manifest["made_at"]).timestamp()

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return str(self.manifest["archive"])

    def held(self, highest: int) -> list[Ack]:
        """The acknowledged writes that a copy up to sequence `highest` holds."""
        return [ack for ack in self.acks if ack.sequence <= highest]

    @property
    def before(self) -> list[Ack]:
        """The writes acknowledged before the backup was begun: each must be in it."""
        return [ack for ack in self.acks if ack.at < self.made_at]


def back_up_under_load(stack: Stack, journey: Journey, *, argv: Sequence[str] = BACKUP) -> Made:
    """Write, make a backup by the service's own command meanwhile, and write on a little.

    Raises:
        CannotTell: the journey got no write acknowledged before it, or the backup command failed.

    """
    writer = Writer(journey)
    service = stack.container(backup_service(stack))
    with writer.writing():
        pause(BEFORE_SECONDS)
        began = time.monotonic()
        done = service.exec(list(argv), timeout_seconds=120)
        seconds = time.monotonic() - began
        pause(AFTER_SECONDS)
    if done.code != 0:
        raise CannotTell(f"the backup failed: {done.last_words()}")
    made = Made(json.loads(done.stdout), tuple(writer.acks), seconds, time.time())
    if not made.before:
        raise CannotTell(f"no write was acknowledged before the backup ({'; '.join(writer.unsure[:2]) or 'no answer'})")
    return made


def backup_service(stack: Stack) -> str:
    """The service that backs the database up.

    Raises:
        CannotTell: the profile names none.

    """
    for job in stack.profile.backup.jobs if stack.profile.backup else ():
        if job.what == "database":
            return job.service
    raise CannotTell(stack.profile.missing('[[backup.jobs]] what = "database"'))


