"""Why an answer could be missing: the few kinds of error every part agrees on, so that no outcome is guessed from a message."""

from __future__ import annotations

from stack.visible import visible


class SeatrialError(Exception):
    """The base of every error of ours; its message is one sentence with what was observed, what was expected and where."""


class UserError(SeatrialError):
    """Bad input or a bad environment: the person at the keyboard can mend it.

    The command lines answer it with one sentence and exit code 4, never with a traceback. The names in it are somebody
    else's, so whatever in them would act on a terminal is written out.
    """

    def __str__(self) -> str:
        """The sentence, on one line."""
        return visible(super().__str__())


class CannotTell(SeatrialError):
    """The question could not be asked, so there is no answer; a check that meets it is INCONCLUSIVE, never PASS or FAIL."""


class NoEngine(CannotTell):
    """No Docker engine answers."""
