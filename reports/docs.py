"""docs/checks.md and suites/catalogue.tsv, written from the checks themselves, so that neither can tell another story.

Why this exists: adding a check must take nothing but the check; what people read about it follows.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from reports.catalogue import SHIPPED, as_tsv
from stack.errors import UserError
from suites.check import Area, Check, check_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "checks.md"
_FOLDERS = ("suites", "chaos")

_HEAD = """# The checks

Written by `make docs` from the checks themselves: change them there.

Each check is a sentence that is true when it passes. *Level* is the strongest evidence it reaches: what a file
declares, what the engine makes of it (effective), or what the thing itself shows (observed). *Impact* is what it does
to the stack: passive checks look, intrusive ones send traffic or try writes, destructive ones break or replace.
"""


class _Collected:
    """A pytest plugin that keeps what was collected and runs nothing."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Check, str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep each check once, with the test that decides it."""
        for item in session.items:
            if entry := check_of(item):
                self.found.setdefault(entry.id, (entry, item.nodeid.partition("[")[0]))


def collected() -> Mapping[str, tuple[Check, str]]:
    """Every check of the product, by id, with its test. Raises UserError when they can't be collected."""
    keeper, output = _Collected(), io.StringIO()
    folders = [str(ROOT / name) for name in _FOLDERS]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(
            ["--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *folders], plugins=[keeper]
        )
    if code != pytest.ExitCode.OK or not keeper.found:
        raise UserError(f"The checks can't be collected (pytest ended with {int(code)}):\n{output.getvalue()}")
    return keeper.found


def page(found: Mapping[str, tuple[Check, str]]) -> str:
    """The text of docs/checks.md."""
    parts = [_HEAD]
    for area in Area:
        mine = sorted((one for one in found.values() if one[0].area is area), key=lambda one: one[0].id)
        if mine:
            head = f"## {area.value.capitalize()} ({len(mine)})\n\n{_COLUMNS}\n"
            parts.append(head + "\n".join(_row(one) for one, _ in mine) + "\n")
            parts += [_check(one, test) for one, test in mine]
    return "\n".join(parts)


_COLUMNS = "| id | true when it passes | severity | level | impact |\n|---|---|---|---|---|"


def _row(one: Check) -> str:
    anchor = one.id.lower().replace(".", "")
    cells = (f"[{one.id}](#{anchor})", one.title, one.severity.value, one.level.value, one.impact.value)
    return f"| {' | '.join(cells)} |"


def _check(one: Check, test: str) -> str:
    parts = [f"### {one.id}", f"**{one.title}.** {one.rationale}", f"Remedy: {one.remediation}"]
    parts += [f"Standards: {', '.join(one.standards)}."] if one.standards else []
    return "\n\n".join([*parts, f"Decided by `{test}`."]) + "\n"


def write(*, check_only: bool) -> list[Path]:
    """Write both files, and return those that were not current (with ``check_only`` nothing is written). Raises
    UserError.
    """
    found = collected()
    texts = {PAGE: page(found), SHIPPED: as_tsv(entry for entry, _ in found.values())}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check_only:
            path.write_text(texts[path], encoding="utf-8")
    return stale
