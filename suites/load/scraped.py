"""The application's own numbers at both ends of a load run, so that what it says can be held against what its clients saw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stack.errors import CannotTell
from suites.load.agreement import Timed
from suites.observability.exposition import Exposition, applications, of_service

if TYPE_CHECKING:
    from stack.model import Stack
    from stack.profile import ApplicationMetrics


class Scraped:
    """What the applications in service exposed when a run began and when it was over; why not, where they could not be asked."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._looks: list[list[Exposition]] = []
        self._why = ""

    def look(self) -> None:
        """Ask now. That it can't be asked spoils the comparison and not the load."""
        try:
            self._looks.append([of_service(self._stack, service) for service in applications(self._stack)])
        except CannotTell as reason:
            self._why = self._why or str(reason)

    def timed(self, names: ApplicationMetrics, *, but: Iterable[str]) -> Timed:
        """What was timed between the first look and the last. Raises CannotTell where one of them is missing."""
        if self._why or len(self._looks) < 2:
            raise CannotTell(self._why or "the load run did not get to its end")
        return Timed.between(self._looks[0], self._looks[-1], names, but=but)
