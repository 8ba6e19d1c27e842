"""The results as they arrive: one line each, flushed, so that whatever kills the run leaves what it had.

Why this exists: the run that is killed after an hour is the one whose results are wanted most.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports.document import SCHEMA, VERSION
from stack.errors import UserError

NEEDED_BYTES = 64 * 1024**2
"""Room that a run's reports may take: results, the page of 10,000 results (15 MB at most), the raw page and the rest."""


class Record:
    """An open ``results.jsonl`` in a folder of its own. Each line is written whole and flushed before the next test
    starts.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Start the record. Raises UserError when the folder doesn't take it."""
        self.folder = folder
        try:
            self._file = (folder / "results.jsonl").open("x", encoding="utf-8", errors="surrogateescape")
            self.line("run", schema=SCHEMA, version=VERSION, manifest=dict(manifest))
        except OSError as error:
            raise UserError(f"{folder}: reports cannot be written there ({error.strerror}).") from error

    def line(self, kind: str, **data: Any) -> None:
        """Append one line. Raises OSError when the disk refuses it."""
        self._file.write(json.dumps({"kind": kind, **data}, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()

    def end(self, ended: str, phases: Mapping[str, float]) -> None:
        """Write the last line, which says how the run ended, and close."""
        self.line(
            "end", ended=ended, phases=[{"name": name, "seconds": round(spent, 3)} for name, spent in phases.items()]
        )
        self._file.close()


def new_folder(reports: Path) -> Path:
    """A new folder under ``reports`` named by the time (UTC). Raises UserError, in one sentence, when none can be
    made.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    _require_room(reports)
    try:
        reports.mkdir(parents=True, exist_ok=True)
        for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
            try:
                (reports / name).mkdir()
            except FileExistsError:
                continue
            return reports / name
    except OSError as error:
        raise UserError(f"{reports}: reports cannot be written there ({error.strerror}).") from error
    raise UserError(f"{reports}: a hundred runs began there in this second.")


def _require_room(reports: Path) -> None:
    there = next((place for place in (reports, *reports.absolute().parents) if place.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    if free < NEEDED_BYTES and not _is_read_only(there):
        needed = NEEDED_BYTES // 1024**2
        message = f"{reports}: the disk under it is nearly full: {free // 1024**2} MiB free, {needed} needed for reports."
        raise UserError(message)


def _is_read_only(place: Path) -> bool:
    """Such a place has no room either, and is refused with its own reason. (So is /proc, which has none at all.)"""
    facts = os.statvfs(place)
    return bool(facts.f_flag & os.ST_RDONLY) or not facts.f_blocks


def point_latest(folder: Path) -> None:
    """Make ``latest`` beside ``folder`` a symbolic link to it, replacing an older one in one step."""
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    fresh.replace(link)
