"""The command that asks one question again, of the same stack in the same way.

Why this exists: a finding is mended by trying again, and a command that has lost its stack asks about another one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PYTEST = ".venv/bin/pytest"
"""As it is typed in a clone of Seatrial."""
_WITH_VALUE = (
    "--compose-file", "--profile", "--attach", "--allow", "--allow-faults", "--without", "--seed", "--waivers", "--host", "--ssh-config",
)  # fmt: skip
_ALONE = ("--up",)


def repeat(manifest: Mapping[str, Any], nodeid: str) -> str:
    """The shell command that runs ``nodeid`` again as the run of this manifest did."""
    words = [str(word) for word in manifest.get("arguments") or ()]
    return shlex.join([PYTEST, nodeid, *_kept(words)])


def _kept(words: Sequence[str]) -> Iterator[str]:
    """Of a run's arguments, those that say which stack it is about and what may be done to it."""
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        if word in _ALONE or (equals and name in _WITH_VALUE):
            yield word
        elif word in _WITH_VALUE:
            value = next(rest, "")
            yield from (word, value)
            if (word, value) == ("--allow", "destructive"):
                yield next(rest, "")  # the project's name, as a confirmation
