"""Waivers beside the line they are about: `# seatrial: waive SEC-CMP-002 until 2027-01-31 owner=ops reason="…"`.

Why this exists: who reads the line sees that it is known, by whom, and until when; and who removes the line removes the
waiver with it. The rules are those of waivers.toml. At the end of a line it is about that line; alone on a line, about the
next one that is not a comment (Dockerfiles have no other way: there, `#` behind an instruction is part of it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from reports.text import printable
from reports.waivers import Waiver
from stack.errors import UserError

_MARK = re.compile(r"#\s*seatrial:(.*)$")
_FORM = re.compile(
    r"\s*waive\s+(?P<id>[A-Za-z0-9_.-]+)\s+until\s+(?P<until>\S+)"
    r"\s+owner=(?P<owner>\"[^\"]*\"|[^\s\"]+)\s+reason=\"(?P<reason>[^\"]*)\"\s*$"
)
_EXPECTED = '`# seatrial: waive ID until YYYY-MM-DD owner=NAME reason="WHY"`'


def read_beside(files: Iterable[Path], root: Path) -> tuple[Waiver, ...]:
    """The waivers in the comments of `files`; their places are shown relative to `root` where they are inside it.

    Raises:
        UserError: one is malformed: one sentence with file and line. A file that can't be read has none: whoever needs it
            says so.

    """
    found: list[Waiver] = []
    for file in dict.fromkeys(Path(file) for file in files):
        try:
            text = file.read_text("utf-8", errors="replace")
        except OSError:
            continue
        shown = file.relative_to(root) if file.is_relative_to(root) else file
        found += parsed(text, str(shown))
    return tuple(found)


def parsed(text: str, file: str) -> Iterator[Waiver]:
    """The waivers in a text that stands in `file`. Raises UserError as `read_beside`."""
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        mark = _MARK.search(line)
        if mark is None:
            continue
        alone = line.lstrip().startswith("#")
        yield _waiver(mark[1], file, number, _next_line(lines, number) if alone else number)


def _next_line(lines: list[str], number: int) -> int:
    """The first line behind `number` that says something; `number` itself when there is none."""
    for index in range(number, len(lines)):
        if (bare := lines[index].strip()) and not bare.startswith("#"):
            return index + 1
    return number


def _waiver(words: str, file: str, stands: int, about: int) -> Waiver:
    where = f"{printable(file)}:{stands}"
    match = _FORM.fullmatch(words)
    if match is None:
        message = f"{where}: this is no waiver: {printable(words.strip())[:120]!r}, expected {_EXPECTED}."
        raise UserError(message)
    owner, reason = (printable(match[name].strip('"').strip()) for name in ("owner", "reason"))
    if not owner or not reason:
        raise UserError(f"{where}: a waiver has an owner and a reason that say something, expected {_EXPECTED}.")
    try:
        expires = date.fromisoformat(match["until"])
    except ValueError as error:
        raise UserError(f"{where}: {printable(match['until'])} is not a date (until 2027-01-31).") from error
    return Waiver(printable(match["id"]), reason, owner, expires, place=f"{file}:{about}")
