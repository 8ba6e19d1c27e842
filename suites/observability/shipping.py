"""Have every service log one line that nobody else logs, and see which of them the log store holds, when, and how labelled.

Few services log by themselves when asked to, so the line is put on the container's own standard output, where its
program's lines go: from there on, engine, shipper and store can't tell it from one of the program's.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stack.errors import CannotTell
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Service, Stack

OUTPUT = "/proc/1/fd/1"
_EVERY = 0.25


@dataclass
class Shipped:
    """What became of one service's line."""

    service: str
    text: str
    logged: float | None = None
    """When it was logged (monotonic seconds)."""
    trouble: str = ""
    """Why it could not be logged."""
    found_seconds: float | None = None
    """From there to its being found in the store."""
    labels: Mapping[str, str] | None = None


def services(stack: Stack) -> list[Service]:
    """The services whose lines are expected in the store; none where there is no store."""
    if stack.profile.logs is None and not stack.by_role("logs"):
        return []
    return [s for s in stack.services if stack.profile.service(s.name).logs and not s.idle and not s.one_shot]


def ship(stack: Stack, names: Sequence[str], *, within: timedelta) -> dict[str, Shipped]:
    """Log a line in each service and wait until all are found, or the time is up. Raises CannotTell when the store doesn't answer."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    mark = f"seatrial-{secrets.token_hex(8)}"
    lines = {name: Shipped(name, f"{mark} {name}") for name in names}
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda line: _log(stack, line), lines.values()))
    last = max((line.logged for line in lines.values() if line.logged), default=time.monotonic())
    while True:
        for found in stack.loki.query_range(f'{{service=~".+"}} |= "{mark}"', start=began):
            line = lines.get(found.text.removeprefix(mark).strip())
            if line is not None and line.logged and line.found_seconds is None and found.text == line.text:
                line.found_seconds, line.labels = time.monotonic() - line.logged, found.labels
        waiting = [line for line in lines.values() if line.logged and line.found_seconds is None]
        if not waiting or time.monotonic() - last > within.total_seconds():
            return lines
        pause(_EVERY)


def _log(stack: Stack, line: Shipped) -> None:
    try:
        done = stack.container(line.service).exec(["tee", OUTPUT], stdin=f"{line.text}\n".encode(), timeout_seconds=10)
    except CannotTell as error:
        line.trouble = str(error)
        return
    if done.ok:
        line.logged = time.monotonic()
    else:
        line.trouble = done.last_words()
