"""Pulls an image without waiting long for a registry that isn't there.

Standard library only.
"""

from __future__ import annotations

from stack.command import run

# A registry that answers at all sends a manifest's first line within a second or two; a silent network never does.
FIRST_WORD_SECONDS = 10.0
WHOLE_SECONDS = 900.0
_UNREACHABLE = ("no such host", "dial tcp", "connection refused", "network is unreachable", "i/o timeout")


def pull(reference: str) -> str | None:
    """Pull an image and return None, or the reason why it could not be had (one line)."""
    command = ["docker", "pull", reference]
    answer = run(command, within_seconds=WHOLE_SECONDS, first_word_within_seconds=FIRST_WORD_SECONDS)
    if answer.ok:
        return None
    if answer.stayed_silent:
        return f"no registry answered within {FIRST_WORD_SECONDS:.0f} s"
    if any(words in answer.output for words in _UNREACHABLE):
        return "no registry can be reached"
    return answer.last_words().removeprefix("Error response from daemon: ")
