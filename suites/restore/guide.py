"""Takes the commands that the suite runs from the disaster recovery guide, so that what is written is what was tried."""

from __future__ import annotations

import shlex
from pathlib import Path

from stack.errors import CannotTell
from stack.project import ROOT
from suites.operations.pages import read

GUIDE = ROOT / "docs" / "disaster-recovery.md"
MODULE = "python -m stack.ops "
RUN_HERE = frozenset(
    {
        "list-backups",
        "verify-backups",
        "backup-database",
        "backup-wallets",
        "rescue-database",
        "rescue-wallets",
        "rescue-system",
    }
)
"""The commands that the suite takes from the guide and runs."""


def written(path: Path = GUIDE) -> list[tuple[str, ...]]:
    """Every operator's command in the guide's fenced blocks: its name and arguments.

    Raises:
        CannotTell: the guide can't be read.

    """
    try:
        page = read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path}: can't be read ({error})") from error
    if page is None:
        raise CannotTell(f"{path}: there is no such guide")
    lines = [line for section in page.sections for block in section.blocks for line in block.splitlines()]
    found = [tuple(shlex.split(line.split(MODULE, 1)[1])) for line in lines if MODULE in line]
    return list(dict.fromkeys(found))


def command(name: str, path: Path = GUIDE) -> tuple[str, ...]:
    """The guide's command of that name, as words behind the interpreter; what the caller appends wins over what is written.

    Raises:
        CannotTell: the guide does not have it.

    """
    for words in written(path):
        if words[0] == name:
            return ("-m", "stack.ops", *words)
    raise CannotTell(f"{path.name}: has no command {name}")
