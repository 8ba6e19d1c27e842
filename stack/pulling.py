"""Pulls an image without waiting long for a registry that isn't there.

Standard library only.
"""

from __future__ import annotations

from stack.command import run
from stack.errors import SeatrialError

# A registry that answers at all sends a manifest's first line within a second or two; a silent network never does.
FIRST_WORD_SECONDS = 10.0
WHOLE_SECONDS = 900.0
_UNREACHABLE = ("no such host", "dial tcp", "connection refused", "network is unreachable", "i/o timeout")


class Unobtainable(SeatrialError):
    """An image can't be had; the message is the reason in one line, and what goes without it decides what that costs."""


def pull(reference: str) -> None:
    """Pull an image.

    Raises:
        Unobtainable: no registry answers, or it does not have or give the image.

    """
    command = ["docker", "pull", reference]
    answer = run(command, within_seconds=WHOLE_SECONDS, first_word_within_seconds=FIRST_WORD_SECONDS)
    if answer.ok:
        return
    reason = answer.last_words().removeprefix("Error response from daemon: ")
    if answer.stayed_silent:
        reason = f"no registry answered within {FIRST_WORD_SECONDS:.0f} s"
    elif any(words in answer.output for words in _UNREACHABLE):
        reason = "no registry can be reached"
    raise Unobtainable(reason)
