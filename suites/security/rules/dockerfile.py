"""Takes a Dockerfile apart as the engine does: continued lines joined, heredocs kept with the instruction they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# As BuildKit reads them: a word of its own that begins with `<<`; `<<<` and `1 << 3` are the shell's.
_HEREDOC = re.compile(r"(?:^|(?<=\s))\d*<<-?([\"']?)([A-Za-z_][\w.-]*)\1(?=\s|$)")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, the rest of its line, its heredocs' text, and the numbered lines it spans."""

    word: str
    rest: str
    body: str
    lines: tuple[tuple[int, str], ...]

    @property
    def line(self) -> int:
        """The line (from 1) it begins at."""
        return self.lines[0][0]

    @property
    def script(self) -> str:
        """All that it says, heredocs included, without their comments."""
        kept = [line for line in self.body.splitlines() if not line.lstrip().startswith("#")]
        return "\n".join([self.rest, *kept])

    def line_with(self, pattern: re.Pattern[str]) -> int:
        """The first of its own lines that the pattern is found in; the line it begins at when there is none."""
        return next(
            (number for number, text in self.lines if not text.lstrip().startswith("#") and pattern.search(text)),
            self.line,
        )


def instructions(text: str) -> Iterator[Instruction]:
    """Each instruction of a Dockerfile; comments and empty lines are left out."""
    numbered = iter(enumerate(text.splitlines(), start=1))
    spans: list[tuple[int, str]] = []
    pending = ""
    for number, raw in numbered:
        bare = raw.strip()
        if bare.startswith("#") or not bare:
            continue
        spans.append((number, raw))
        pending = f"{pending} {bare}".strip()
        if pending.endswith("\\"):
            pending = pending[:-1].strip()
            continue
        word = _word(pending)
        body: list[str] = []
        for _, end in _HEREDOC.findall(pending) if word in _WITH_HEREDOCS else ():
            for inner, line in numbered:
                spans.append((inner, line))
                if line.strip() == end:
                    break
                body.append(line)
        yield Instruction(word, pending.partition(" ")[2].strip(), "\n".join(body), tuple(spans))
        spans, pending = [], ""
    if pending:
        yield Instruction(_word(pending), pending.partition(" ")[2].strip(), "", tuple(spans))


def _word(line: str) -> str:
    return line.partition(" ")[0].upper()


def logical_lines(text: str) -> list[str]:
    """A Dockerfile's instructions as lines, continued ones joined, comments and heredoc bodies left out."""
    return [f"{one.word} {one.rest}".strip() for one in instructions(text)]
