"""The command that asks one question again, of the same stack in the same way.

Why this exists: a finding is mended by trying again, and a command that has lost its stack asks about another one.
"""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PYTEST = ".venv/bin/pytest"
"""As it is typed in a clone of Seatrial."""
_WITH_VALUE = (
    "--compose-file", "--profile", "--attach", "--allow", "--allow-faults", "--without", "--seed", "--waivers", "--host", "--ssh-config",
)  # fmt: skip
_FILES = ("--compose-file", "--profile", "--waivers", "--ssh-config")
_ALONE = ("--up",)


def repeat(manifest: Mapping[str, Any], nodeid: str) -> str:
    """The shell command that runs ``nodeid`` again as the run of this manifest did."""
    words = [str(word) for word in manifest.get("arguments") or ()]
    return shlex.join([PYTEST, nodeid, *_kept(words, str(manifest.get("directory") or ""))])


def _kept(words: Sequence[str], directory: str) -> Iterator[str]:
    """Of a run's arguments, those that say which stack it is about and what may be done to it.

    Files are named from `directory`, where the run was started, as the command is typed in the clone.
    """
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and name in _FILES:
            yield f"{name}={os.path.join(directory, value)}"
        elif word in _ALONE or (equals and name in _WITH_VALUE):
            yield word
        elif word in _WITH_VALUE:
            value = next(rest, "")
            yield from (word, os.path.join(directory, value) if word in _FILES else value)
            if (word, value) == ("--allow", "destructive"):
                yield next(rest, "")  # the project's name, as a confirmation
