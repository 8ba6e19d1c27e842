"""Reads a Markdown page as somebody in a hurry does: which sections it has, and what stands in each to be done or copied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*#*$")
_STEP = re.compile(r"^ {0,3}[0-9]+[.)] +\S")
_ITEM = re.compile(r"^ {0,3}[-*] +\S")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_RULE = re.compile(r"^:?-+:?$")


@dataclass(frozen=True)
class Section:
    """A heading and the lines below it, down to the next heading of the same or a higher rank."""

    title: str
    lines: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Numbered lines."""
        return sum(bool(_STEP.match(line)) for line, fenced in _fenced(self.lines) if not fenced)

    @property
    def entries(self) -> int:
        """Bullets and table rows: what a list of people or grades consists of."""
        bullets = sum(bool(_ITEM.match(line)) for line, fenced in _fenced(self.lines) if not fenced)
        return bullets + len(self.rows)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of its tables' rows, without the heading and the rule below it."""
        found: list[tuple[str, ...]] = []
        for line, fenced in _fenced(self.lines):
            if fenced or not line.strip().startswith("|"):
                continue
            cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
            if all(_RULE.match(cell) for cell in cells):
                found.pop()  # what stood above the rule was the heading
            else:
                found.append(cells)
        return found

    @property
    def blocks(self) -> list[str]:
        """The texts of its fenced blocks: what is there to be copied."""
        found: list[list[str]] = []
        inside = False
        for line, fenced in _fenced(self.lines):
            if fenced and not inside:
                found.append([])
            elif fenced:
                found[-1].append(line)
            inside = fenced
        return ["\n".join(lines).strip() for lines in found]


@dataclass(frozen=True)
class Page:
    """One file of Markdown."""

    path: Path
    sections: tuple[Section, ...]

    def section(self, title: str) -> Section | None:
        """The first section of that title, in any case."""
        return next((one for one in self.sections if one.title.casefold() == title.casefold()), None)


def read(path: Path) -> Page | None:
    """Read a page; None when there is no such file. Raises OSError and UnicodeDecodeError when there is one and it can't be read."""
    if not path.is_file():
        return None
    lines = path.read_text("utf-8").splitlines()
    headings = [
        (number, len(found[1]), found[2])
        for number, (line, fenced) in enumerate(_fenced(lines))
        if not fenced and (found := _HEADING.match(line))
    ]
    sections = []
    for place, (number, rank, title) in enumerate(headings):
        end = next((other for other, its, _ in headings[place + 1 :] if its <= rank), len(lines))
        sections.append(Section(title, tuple(lines[number + 1 : end])))
    return Page(path, tuple(sections))


def _fenced(lines: tuple[str, ...] | list[str]) -> list[tuple[str, bool]]:
    """Each line, and whether it stands in a fenced block; the fence that opens one does, the one that closes it does not."""
    found: list[tuple[str, bool]] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            closes = bool(mark) and line.strip().startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if closes else fence
        elif mark:
            fence = mark[1]
        found.append((line, bool(fence)))
    return found
