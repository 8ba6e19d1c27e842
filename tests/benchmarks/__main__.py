"""`make bench`: measure every promised figure and write down what was seen, so that docs/benchmarks.md can't go stale
unnoticed.

Exit codes: 0 every measured figure is within its promise, 1 one is not, 4 an unknown name.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figure import FIGURES, ROOT, Figure, NotMeasured

PAGE = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
_HEAD = "# Benchmarks\n\nWhat was promised, and what was seen. The median of several runs counts; all are shown.\n\n"


def main() -> int:
    """Measure what was asked for and return the exit code."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.benchmarks.{path.stem}")
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the promised figures.")
    parser.add_argument("words", nargs="*", help="only figures whose name holds one of these words")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave docs/benchmarks.md alone")
    asked = parser.parse_args()
    chosen = [
        one for one in FIGURES if not asked.words or any(word.lower() in one.name.lower() for word in asked.words)
    ]
    if not chosen:
        print(
            f"ERROR: no figure is called like that; there are: {'; '.join(one.name for one in FIGURES)}",
            file=sys.stderr,
        )
        return 4
    rows = [_row(one) for one in chosen]
    if not asked.dry_run:
        _write(rows)
    _show(rows)
    return 1 if any(row[4] == "missed" for row in rows) else 0


def _row(one: Figure) -> tuple[str, str, str, str, str]:
    print(f"▸ {one.name}", file=sys.stderr, flush=True)
    promise = f"≤ {one.at_most:g} {one.unit}"
    try:
        seen = list(one.measure())
    except NotMeasured as error:
        return one.name, promise, "–", "", f"not measured: {error}"
    middle = statistics.median(seen)
    every = ", ".join(f"{value:.3g}" for value in seen) if len(seen) > 1 else ""
    return one.name, promise, f"{middle:.3g} {one.unit}", every, "kept" if middle <= one.at_most else "missed"


def _show(rows: list[tuple[str, str, str, str, str]]) -> None:
    table = Table("figure", "promise", "seen", "runs", "")
    for row in rows:
        table.add_row(*row, style="red" if row[4] == "missed" else None)
    Console().print(table)


def _write(rows: list[tuple[str, str, str, str, str]]) -> None:
    """Put the rows into the page; figures that were not asked for this time keep what they had."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"{_HEAD}{_BEGIN}\n{_END}\n"
    if _BEGIN not in text:
        text += f"\n{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    old, _, after = rest.partition(_END)
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in old.splitlines() if line.startswith("| ")}
    fresh = {
        name: f"| {name} | {promise} | {seen} | {runs} | {said} | {_where()} |"
        for name, promise, seen, runs, said in rows
    }
    lines = [fresh.get(one.name) or kept.get(one.name, "") for one in FIGURES]
    body = "| figure | promise | seen | runs | | when and where |\n|---|---|---|---|---|---|\n" + "\n".join(
        filter(None, lines)
    )
    PAGE.write_text(f"{before}{_BEGIN}\n\n{body}\n\n{_END}{after}", encoding="utf-8")


def _where() -> str:
    load = os.getloadavg()[0]
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {platform.machine()}, load {load:.1f}"


if __name__ == "__main__":
    sys.exit(main())
