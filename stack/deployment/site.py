"""What a deployment needs of a stack: which colour runs what, how it is, and who gets the customers."""

from __future__ import annotations

from typing import Protocol

from stack.deployment.bake import Reading
from stack.deployment.release import Release
from stack.errors import SeatrialError


class ConfigRefused(SeatrialError):
    """nginx does not accept its configuration, so it was not told to read it."""


class NotSwitched(SeatrialError):
    """nginx was told to serve a colour, and customers do not get to it."""


class Site(Protocol):
    """What a deployment needs of a stack. Every method may raise CannotTell: the engine or the edge could not be asked."""

    def active(self) -> str:
        """The colour that active.conf names."""

    def release(self, colour: str) -> Release | None:
        """What its container, running or not, was made of; None without a container."""

    def complaint(self, colour: str) -> str | None:
        """Why traffic may not come to it now, as the edge sees it; None when it is ready."""

    def crashes(self, colour: str) -> int:
        """How often its container has been started anew by itself."""

    def hopeless(self, colour: str, crashes: int) -> str | None:
        """Why waiting for it is of no use any more (it had crashed so often before); None while it is."""

    def start(self, colour: str, release: Release) -> None:
        """Make its container anew from the release. Raises SeatrialError when it can't be had."""

    def remove(self, colour: str) -> None:
        """Let it finish what it is answering, and take it away. Harmless when there is none."""

    def smoke(self, colour: str) -> str | None:
        """What is wrong with its answers when asked at its own port."""

    def config_complaint(self) -> str | None:
        """What nginx has against its configuration; None when it would take it."""

    def point(self, colour: str) -> None:
        """Give it the customers, and return when they have it. Raises ConfigRefused, NotSwitched."""

    def reading(self, colour: str) -> Reading:
        """One look at it while it serves."""
