"""The dead man's switch: silence is the alarm, because broken alerting can't alert about itself."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Watchdog:
    """Alarms when the always-firing alert has not come for `within_seconds`; the count begins at start."""

    within_seconds: float
    last_seen: float | None = None
    """When it last came, in Unix seconds; None when never."""
    started: float = 0.0
    alarm_since: float | None = None
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Begin to wait."""
        self.started = self.clock()

    def seen(self) -> None:
        """Note that the alert came."""
        self.last_seen = self.clock()
        self.judge()

    def judge(self) -> bool:
        """Decide anew whether there is an alarm, and log each change of mind."""
        now = self.clock()
        # After a restart the old sighting may be long past: alerting gets its time from the start.
        is_silent = now - max(self.last_seen or 0.0, self.started) > self.within_seconds
        if is_silent and self.alarm_since is None:
            self.alarm_since = now
            _log("error", "watchdog alarm: alerting is silent", self)
        elif not is_silent and self.alarm_since is not None:
            self.alarm_since = None
            _log("info", "watchdog is back", self)
        return is_silent

    async def keep_judging(self) -> None:
        """Judge once a second until cancelled, so that an alarm is logged when it begins and not when somebody asks."""
        while True:
            self.judge()
            await asyncio.sleep(1)


def _log(level: str, event: str, watchdog: Watchdog) -> None:
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event,
        "last_seen": watchdog.last_seen,
        "within_seconds": watchdog.within_seconds,
    }
    print(json.dumps(line), file=sys.stdout, flush=True)
