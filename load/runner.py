"""Runs load as a process of its own and says what it saw; the only part of load that others import.

Locust patches sockets, TLS and subprocesses for its whole process, so nobody imports it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from load import profiles
from load.profiles import LoadProfile, Target
from load.record import Record, outages
from load.verdict import Judgement, Outcome, judge, never_made, saturation
from stack.errors import CannotTell
from stack.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
PREPARATION = timedelta(seconds=60)
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Outage:
    """A stretch in which every request failed, by the second."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Summary:
    """What a run saw, in the terms others judge by; latencies in milliseconds from the intended start."""

    began: datetime
    requests: int
    errors: Mapping[str, int]
    error_rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    outages: tuple[Outage, ...]
    verdict: Mapping[str, Judgement]
    saturation: tuple[str, ...]
    """Reasons to think that the generator was the bottleneck."""
    never_made: tuple[str, ...]
    """Reasons why the load was not the load that was asked for."""
    record: Record = field(repr=False)


class BaseLoad:
    """One load process. Use it as a context manager: leaving the block ends the process.

    `prefix` is put before its argument list (`Outside.exec_prefix`, for clients outside the host); `keep` is a folder
    for its evidence (plan, result, Locust's HTML), else a temporary one. `live` has each request written to `live_log` as it
    happens, for a `LiveReader`, and the load end with this process.
    """

    def __init__(
        self, profile: LoadProfile, target: Target, *, prefix: Sequence[str] = (), keep: Path | None = None, live: bool = False
    ) -> None:
        self.profile = profile
        self.target = target
        self._prefix = tuple(prefix)
        self._temporary = tempfile.TemporaryDirectory(prefix="seatrial-load-")
        self.folder = keep or Path(self._temporary.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._result = self.folder / "load.json"
        self._live = live

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()

    def start(self) -> datetime:
        """Start the process, wait for the end of preparation and warm-up, and return when measuring began.

        Raises:
            CannotTell: the load could not be started (the marketplace refused, say).

        """
        plan = self.folder / "plan.json"
        for left in (self._result, self._begun):
            left.unlink(missing_ok=True)
        profiles.write(self.profile, self.target, plan)
        argv = [
            *self._prefix, sys.executable, "-m", "locust", "--locustfile", str(ROOT / "load" / "locustfile.py"),
            "--headless", "--users", "1", "--spawn-rate", "1", "--only-summary", "--stop-timeout", "1",
            "--html", str(self.folder / "locust.html"), "--load-plan", str(plan), "--load-result", str(self._result),
            *(("--load-live", str(self.live_log)) if self._live else ()),
        ]  # fmt: skip
        with (self.folder / "locust.log").open("wb") as log:
            self._process = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            eventually(
                lambda: self._begun.exists() or self._is_over,
                within=PREPARATION + timedelta(seconds=self.profile.warm_up_seconds),
                every=timedelta(milliseconds=50),
                what="the load has begun",
            )
        except AssertionError as error:
            raise CannotTell(f"the load did not begin: {self._last_words()}") from error
        if not self._begun.exists():
            code = self._process.returncode
            raise LoadRefused(f"the load ended before it began (exit code {code}): {self._last_words()}")
        return self._when_begun()

    def finish(self) -> Summary:
        """Wait for the schedule's end and return what was seen."""
        return self._ended(self.profile.seconds + self.profile.timeout_seconds + GRACE_SECONDS)

    def stop(self) -> Summary:
        """End the schedule now and return what was seen so far."""
        if self._process is not None and not self._is_over:
            self._process.send_signal(signal.SIGTERM)
        return self._ended(self.profile.timeout_seconds + GRACE_SECONDS)

    @property
    def live_log(self) -> Path:
        """Where a live load writes its requests."""
        return self.folder / "live.log"

    @property
    def is_running(self) -> bool:
        """Whether the process has begun and not ended."""
        return not self._is_over

    @property
    def _begun(self) -> Path:
        return self.folder / (self._result.name + ".begun")

    @property
    def _is_over(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _when_begun(self) -> datetime:
        return datetime.fromtimestamp(float(self._begun.read_text(encoding="utf-8")), UTC)

    def _ended(self, within_seconds: float) -> Summary:
        if self._process is None:
            raise CannotTell("the load was never started")
        try:
            self._process.wait(timeout=within_seconds)
        except subprocess.TimeoutExpired as error:
            raise CannotTell(f"the load did not end within {within_seconds:.0f} s") from error
        if not self._result.exists():
            raise CannotTell(f"the load left no result: {self._last_words()}")
        facts = json.loads(self._result.read_text(encoding="utf-8"))
        return summary(facts, self.profile, self._when_begun())

    def _last_words(self) -> str:
        log = self.folder / "locust.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        told = [line for line in lines if "/ERROR/" in line] or [line for line in lines if line.strip()]
        return told[-1].strip() if told else "it said nothing"


class LoadRefused(CannotTell):
    """The load process ended by itself before it measured anything."""


def summary(facts: Mapping[str, Any], profile: LoadProfile, began: datetime) -> Summary:
    """Read a result file's content; the verdict is given again from the record, so that it can't disagree with it."""
    record = Record.from_json(facts["record"])
    return Summary(
        began=began,
        requests=record.requests,
        errors=Counter(record.errors),
        error_rate=record.error_rate,
        p50_ms=record.percentile_ms(50),
        p95_ms=record.percentile_ms(95),
        p99_ms=record.percentile_ms(99),
        longest_ms=record.percentile_ms(100),
        outages=tuple(
            Outage(began + timedelta(seconds=first), began + timedelta(seconds=last + 1))
            for first, last in outages(record.by_second)
        ),
        verdict=judge(record, profile),
        saturation=tuple(saturation(record)),
        never_made=tuple(never_made(record)),
        record=record,
    )


__all__ = ["BaseLoad", "LoadRefused", "Outage", "Outcome", "Summary", "summary"]
