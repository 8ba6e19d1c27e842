"""`python -m tests.comparison`: both tools on the same inputs, and docs/comparison.md from what they said.

Exit codes: 0 written, 4 something that is needed is not here.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

from reports.publish import write
from stack.completed import complete
from stack.errors import CannotTell, UserError
from tests.comparison import composed, edged
from tests.comparison.page import PAGE, page


def main() -> int:
    """Compare, write the page, and return the exit code."""
    try:
        program = edged.testssl()
        with tempfile.TemporaryDirectory(prefix="st-comparison-") as folder:
            place = Path(folder)
            files = {
                name: told(name, composed.compared(name, file, truth, place))
                for name, (file, truth) in composed.inputs(place).items()
            }
            with edged.running(place) as (project, env):
                edges = {name: told(name, edged.compared(name, place, project, env)) for name in edged.PORTS}
    except (UserError, CannotTell) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    said = complete([program, "--version"], timeout_seconds=60).stdout
    version = re.search(r"testssl\S*\s+([0-9.]+)", said)
    head = {
        "versions": f"compose-lint {importlib.metadata.version('compose-lint')}, testssl.sh {version[1] if version else '?'}",
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}",
    }
    write(PAGE, page(files, edges, head))
    print(f"{PAGE} is written")
    return 0


def told(name: str, pair: tuple[composed.Judged, composed.Judged]) -> tuple[composed.Judged, composed.Judged]:
    """Say how it went, so that whoever waits sees that something happens."""
    for who, one in zip(("Seatrial", "the other"), pair, strict=True):
        counts = f"found {len(one.found)}, missed {len(one.missed)}, wrongly raised {len(one.wrong)}"
        print(f"{name}: {who}: {counts} in {one.seconds:.1f} s", flush=True)
    return pair


if __name__ == "__main__":
    sys.exit(main())
