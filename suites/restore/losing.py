"""Makes backups one after the other while the journey writes, and tells what each would have lost at its worst moment.

The worst moment is just before the next backup is finished: all that was acknowledged since this one's copy is lost then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from stack.errors import CannotTell
from stack.journey import Journey
from stack.model import Stack
from stack.waiting import pause
from suites.restore.writing import BACKUP, Writer, backup_service

INTERVAL_SECONDS = 1.5


@dataclass(frozen=True)
class Kept:
    """A finished backup: when its copy was begun and when it was finished, in Unix seconds, and what it holds."""

    archive: str
    begun: float
    finished: float
    highest: int


@dataclass(frozen=True)
class Loss:
    """What a disaster just before the next backup's end would have taken."""

    archive: str
    writes: int
    seconds: float
    """From the first lost write's acknowledgement to that moment; 0 when nothing is lost."""
    bound: float
    """The interval to the next backup with that one's duration: a whole backup loses no more."""


def losses_of(stack: Stack, journey: Journey, *, times: int, argv: Sequence[str] = BACKUP) -> tuple[list[Loss], list[Kept]]:
    """Measure `times` losses, with one backup more than that, on a shortened interval.

    Raises:
        CannotTell: a backup failed, or nothing was written.

    """
    writer, service = Writer(journey), stack.container(backup_service(stack))
    kept: list[Kept] = []
    with writer.writing():
        for _ in range(times + 1):
            pause(INTERVAL_SECONDS - (time.time() - kept[-1].begun) if kept else INTERVAL_SECONDS / 2)
            done = service.exec(list(argv), timeout_seconds=120)
            if done.code != 0:
                raise CannotTell(f"the backup failed: {done.last_words()}")
            made = json.loads(done.stdout)
            begun = datetime.fromisoformat(made["made_at"]).timestamp()
            kept.append(Kept(made["archive"], begun, time.time(), made["content"]["highest_sequence"]))
    if not writer.acks:
        raise CannotTell(f"nothing was written meanwhile ({'; '.join(writer.unsure[:2]) or 'no answer'})")
    acks = [(ack.sequence, ack.at) for ack in writer.acks]
    return [loss_between(first, then, acks) for first, then in pairwise(kept)], kept


def loss_between(first: Kept, then: Kept, acks: Sequence[tuple[int, float]]) -> Loss:
    """What `first` lacks of the (sequence, acknowledged at) that came before `then` was finished."""
    lost = [at for sequence, at in acks if sequence > first.highest and at <= then.finished]
    seconds = then.finished - min(lost) if lost else 0.0
    return Loss(first.archive, len(lost), seconds, then.finished - first.begun)
