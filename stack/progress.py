"""Tells a waiting person what is being done and for how long so far, since set-up can take minutes.

Standard library only: it runs before the virtual environment exists.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

PLAIN_EVERY_SECONDS = 10.0
LIVE_EVERY_SECONDS = 0.5


def clock(seconds: float) -> str:
    """Show a span of seconds as people read a stopwatch: `0:07`, `4:12`, `1:02:03`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


class Progress:
    """Names the steps under way: one live line on a terminal, else a plain line every ten seconds.

    Steps may be nested and may run in several threads at once; a step that failed says so and lets the error through.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None, quiet: bool = False) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = live if live is not None else self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._quiet = quiet
        self._lock = threading.RLock()
        self._began = time.monotonic()
        self._under_way: dict[int, tuple[str, float]] = {}
        self._said_at = 0.0
        self._next = 0
        self._stopped = threading.Event()
        self._ticker: threading.Thread | None = None

    @property
    def total_seconds(self) -> float:
        """Seconds since this progress was made."""
        return time.monotonic() - self._began

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show `name` with its running time until the block ends, then leave one line with how it ended."""
        with self._lock:
            key, self._next = self._next, self._next + 1
            began = time.monotonic()
            self._under_way[key] = (name, began)
            self._start_ticker()
        ended = "✗"
        try:
            yield
            ended = "✓"
        finally:
            with self._lock:
                del self._under_way[key]
                self._line(f"{ended} {name} ({clock(time.monotonic() - began)})")

    def say(self, text: str) -> None:
        """Print one plain line above whatever is under way."""
        with self._lock:
            self._line(text)

    def close(self) -> None:
        """Stop the running line; steps may still end afterwards."""
        self._stopped.set()
        with self._lock:
            self._wipe()

    def _start_ticker(self) -> None:
        if self._ticker is None and not self._quiet:
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._said_at = time.monotonic()
            self._ticker.start()

    def _tick(self) -> None:
        while not self._stopped.wait(LIVE_EVERY_SECONDS):
            with self._lock:
                if not self._under_way:
                    continue
                if self._live:
                    self._wipe()
                    self._write(self._status()[: _columns() - 1])
                elif time.monotonic() - self._said_at >= PLAIN_EVERY_SECONDS:
                    self._line(self._status())

    def _status(self) -> str:
        now = time.monotonic()
        return "▸ " + " · ".join(f"{name} ({clock(now - began)})" for name, began in self._under_way.values())

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        self._wipe()
        self._said_at = time.monotonic()
        self._write(text + "\n")

    def _wipe(self) -> None:
        if self._live and not self._quiet:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 80
