"""Tells Prometheus how the last backup went, through node_exporter's textfile collector, for the BackupFailure alert."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stack.ops.manifest import Manifest

HELP = {
    "seatrial_backup_last_run_timestamp_seconds": "When a backup was last tried",
    "seatrial_backup_last_run_success": "Whether the last try made a verified backup",
    "seatrial_backup_last_success_timestamp_seconds": "When the newest verified backup was made",
    "seatrial_backup_size_bytes": "Size of the newest verified backup's archive",
    "seatrial_backup_duration_seconds": "How long the newest verified backup took to make",
    "seatrial_backup_verified": "Whether the newest backup passed its verification",
}


def recorded(folder: Path, backup: str, make: Callable[[], Manifest]) -> Manifest:
    """Run `make`, write how it went and how long it took, and return the manifest it made; its errors pass through."""
    began = time.time()
    values: dict[str, float] = {"seatrial_backup_last_run_timestamp_seconds": began}
    succeeded = False
    try:
        made = make()
        succeeded = True
        values |= {
            "seatrial_backup_last_success_timestamp_seconds": began,
            "seatrial_backup_size_bytes": float(made.archive_bytes),
            "seatrial_backup_duration_seconds": time.time() - began,
        }
    finally:
        values |= dict.fromkeys(("seatrial_backup_last_run_success", "seatrial_backup_verified"), float(succeeded))
        if folder.is_dir():
            record(folder, backup, values)
    return made


def record(folder: Path, backup: str, values: dict[str, float]) -> None:
    """Write the metrics of one backup, keeping those of its last success where `values` has none; atomic.

    `backup` is the label's value, `values` is by metric name (see `HELP`).
    """
    path = folder / f"seatrial_backup_{backup}.prom"
    merged = {**_former(path), **values}
    lines: list[str] = []
    for name, text in HELP.items():
        if name in merged:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f'{name}{{backup="{backup}"}} {merged[name]!r}']
    descriptor, making = tempfile.mkstemp(dir=folder, prefix=".making-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    os.chmod(making, 0o644)  # node_exporter runs as another user
    os.replace(making, path)


def _former(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    found = re.findall(r"^(\w+)\{[^}]*\} (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: float(value) for name, value in found if name in HELP}
