"""Write what is about to be broken to disk before it is broken, so that anybody can undo it after the runner is gone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack.errors import CannotTell

CLOSING = frozenset({"reverted", "healed"})
EVENTS = CLOSING | {"intent", "injected", "revert_failed"}


class JournalUnwritable(CannotTell):
    """The journal can't be written (full disk, read-only folder): nothing is injected without it."""


@dataclass(frozen=True)
class Intent:
    """One fault in the journal that may be standing."""

    number: str
    fault: dict[str, Any]
    before: dict[str, Any]
    at: str
    pid: int
    injected: bool
    """Whether the runner lived to see the injection return; if not, the effect may still be on its way."""
    failure: str | None
    """Why an earlier revert failed, if one did."""


class Journal:
    """Append-only JSON lines, each fsynced before `append` returns.

    A torn last line (the writer died in it) is dropped: an intent that is not whole was not acted on. A line that is
    torn elsewhere can't come from us, and is refused rather than guessed at.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def intend(self, fault: dict[str, Any], before: dict[str, Any]) -> str:
        """Record the intent to inject `fault`; returns the number to close it with. On disk when this returns."""
        number = f"{os.getpid()}-{datetime.now(UTC).timestamp():.6f}"
        self._append({"event": "intent", "number": number, "fault": fault, "before": before, "pid": os.getpid()})
        return number

    def note(self, number: str, event: str, message: str = "") -> None:
        """Record what became of an intent."""
        if event not in EVENTS:
            raise ValueError(f"{event!r} is no journal event")
        self._append({"event": event, "number": number, "message": message})

    def standing(self) -> list[Intent]:
        """The intents that nothing closed, oldest first."""
        intents: dict[str, dict[str, Any]] = {}
        for entry in self.entries():
            number = str(entry["number"])
            match entry["event"]:
                case "intent":
                    intents[number] = {**entry, "injected": False, "failure": None}
                case "injected" if number in intents:
                    intents[number]["injected"] = True
                case "revert_failed" if number in intents:
                    intents[number]["failure"] = entry["message"]
                case "reverted" | "healed":
                    intents.pop(number, None)
        return [
            Intent(number, e["fault"], e["before"], e["at"], e["pid"], e["injected"], e["failure"])
            for number, e in intents.items()
        ]

    def entries(self) -> list[dict[str, Any]]:
        """Every whole line. Raises CannotTell naming the line when one in the middle is damaged."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return []
        lines = text.split("\n")
        whole, _torn_tail = lines[:-1], lines[-1]
        entries = []
        for number, line in enumerate(whole, start=1):
            try:
                entries.append(json.loads(line))
            except ValueError as error:
                raise CannotTell(
                    f"{self.path}:{number}: the fault journal is damaged, look at the stack by hand"
                ) from error
        return entries

    def forget_closed(self) -> None:
        """Start an empty journal when nothing stands; the last one is kept beside it for whoever asks what happened."""
        if self.path.exists() and not self.standing():
            self.path.replace(self.path.with_suffix(".previous.jsonl"))

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                end = _end_of_whole_lines(descriptor)
                os.ftruncate(descriptor, end)
                _write_all(descriptor, line.encode(), end)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if fresh:
                _fsync_folder(self.path.parent)
        except OSError as error:
            raise JournalUnwritable(f"the fault journal {self.path} can't be written: {error.strerror}") from error


def _end_of_whole_lines(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, size, 0)
    return text.rfind(b"\n") + 1


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _fsync_folder(folder: Path) -> None:
    """A new file's name is durable only once its folder is (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
