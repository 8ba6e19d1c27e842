"""Gathers the waivers of a run: those of its waivers.toml, and those that stand beside lines of the stack's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reports.inline_waivers import read_beside
from reports.waivers import Waiver, read

if TYPE_CHECKING:
    import pytest

    from stack.model import Stack


def waivers_of(config: pytest.Config, stack: Stack | None) -> tuple[Waiver, ...]:
    """The waivers of this run: the file asked for, else the one beside the stack's first compose file; and those beside
    lines. Raises UserError.
    """
    asked: Path | None = config.getoption("waivers")
    path = (
        asked or (stack.compose_files[0].parent if stack and stack.compose_files else config.rootpath) / "waivers.toml"
    )
    listed = read(path) if asked or path.is_file() else ()
    if stack is None:
        return listed
    from suites.sources import files_of

    return (*listed, *read_beside(files_of(stack), config.rootpath))
