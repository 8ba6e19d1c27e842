"""When an experiment asks for its steady state, as Chaos Toolkit's --hypothesis-strategy says it, and what was not asked."""

from __future__ import annotations

from enum import Enum

from stack.errors import UserError


class When(Enum):
    """A time at which the steady state is asked for."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    CONTINUOUSLY = "continuously"


Strategy = frozenset[When]
DEFAULT: Strategy = frozenset({When.BEFORE, When.AFTER})


def strategy(text: str) -> Strategy:
    """Read `before,after`. Raises UserError for a word that is none of them, and for no word at all."""
    words = [word.strip() for word in text.split(",")]
    known = {when.value: when for when in When}
    if unknown := [word for word in words if word not in known]:
        raise UserError(f"--steady-state {text}: {unknown[0]!r} is none of {', '.join(known)}")
    return frozenset(known[word] for word in words)


def spoken(asked: Strategy) -> str:
    """`before, after`, in the order of time."""
    return ", ".join(when.value for when in When if when in asked)


def unasked(asked: Strategy) -> list[str]:
    """What a verdict rests on less for it, in sentences; empty for the default."""
    missing = []
    if When.BEFORE not in asked:
        missing.append("steady state was not asked for before: what is wrong afterwards may have been so already")
    if When.AFTER not in asked:
        missing.append("steady state was not asked for after: nobody knows whether the stack recovered")
    return missing
