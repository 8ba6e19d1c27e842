"""Keeps what was delivered and when, as JSON lines on a volume: evidence has to outlive the process that saw it."""

import asyncio
import json
import os
import time
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO

_KEPT = 5000
"""Deliveries that can be asked for; at Alertmanager's default repeat intervals, weeks."""
_MAX_BYTES = 64 * 1024 * 1024
"""Size at which the file is set aside as `.1` and a new one begun: two files bound what the volume must hold."""


class Deliveries:
    """An append-only record: written and fsynced before Alertmanager is told that its message arrived."""

    def __init__(self, folder: Path) -> None:
        """Read what earlier runs kept. Raises OSError when the folder can't be used."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "deliveries.jsonl"
        self._old = folder / "deliveries.1.jsonl"
        self.unreadable_lines = 0
        self._kept: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        for path in (self._old, self._path):
            self._kept.extend(self._read(path))
        self._file: BinaryIO = self._path.open("ab")
        if self._file.tell() and not self._path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # a line torn by a crash stays one bad line, and does not swallow the next
        self._one_at_a_time = asyncio.Lock()

    async def add(self, message: dict[str, Any]) -> dict[str, Any]:
        """Keep one message and return it as kept, with `received_at` (Unix seconds). Raises OSError, then nothing is kept."""
        delivery = {"received_at": time.time(), **message}
        async with self._one_at_a_time:
            await asyncio.to_thread(self._append, json.dumps(delivery, separators=(",", ":")).encode() + b"\n")
            self._kept.append(delivery)
        return delivery

    def since(self, unix_seconds: float) -> list[dict[str, Any]]:
        """Return what was received at or after a moment, oldest first."""
        return [delivery for delivery in self._kept if delivery["received_at"] >= unix_seconds]

    def last_with(self, alertname: str) -> float | None:
        """Say when an alert of that name last arrived firing, in Unix seconds."""
        for delivery in reversed(self._kept):
            if fires(delivery, alertname):
                return float(delivery["received_at"])
        return None

    def prove_writable(self) -> None:
        """Write a byte beside the record and remove it. Raises OSError when the volume is full or read-only."""
        probe = self._path.with_name("writable")
        probe.write_bytes(b"\n")
        probe.unlink()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        if self._file.tell() + len(line) > _MAX_BYTES:
            self._file.close()
            self._path.replace(self._old)
            self._file = self._path.open("ab")
        end = self._file.tell()
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            # The message will come again; half of it, or a first copy of it, must not stay.
            self._file.close()
            os.truncate(self._path, end)
            self._file = self._path.open("ab")
            raise

    def _read(self, path: Path) -> list[dict[str, Any]]:
        found = []
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    delivery = json.loads(line)
                    float(delivery["received_at"])
                    found.append(delivery)
                except (ValueError, KeyError, TypeError):
                    self.unreadable_lines += bool(line)
        return found


def fires(delivery: dict[str, Any], alertname: str) -> bool:
    """Say whether a delivery holds a firing alert of that name."""
    return any(
        alert["status"] == "firing" and alert["labels"].get("alertname") == alertname for alert in delivery["alerts"]
    )
