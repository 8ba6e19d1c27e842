"""Lines logged while what ships them is away, and looked for in the store afterwards: all of them, and none twice."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.http import Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_OUTPUT = "/proc/1/fd/1"
"""The container's own standard output: from there on nobody can tell the line from one of its program's."""


@dataclass
class _Logged:
    mark: str
    since: datetime
    lines: int = 0


@dataclass
class LoggedLines:
    """Numbered lines of one service, a run and project."""

    service: str
    _logged: dict[str, _Logged] = field(default_factory=dict)

    @property
    def begun(self) -> Probe:
        """Lines are logged and found while all is well: what is lost later was not lost before."""
        return Probe(f"lines of {self.service} are found in the store, each once", self._not_found)

    @property
    def logged(self) -> Probe:
        """More lines are logged now."""
        return Probe(f"{self.service} logs five lines more", self._log)

    def _log(self, stack: Stack) -> str | None:
        kept = self._logged.setdefault(stack.project, _Logged(f"seatrial-{secrets.token_hex(8)}", datetime.now(UTC)))
        lines = "".join(f"{kept.mark} {number}\n" for number in range(kept.lines, kept.lines + 5))
        done = stack.container(self.service).exec(["tee", _OUTPUT], stdin=lines.encode(), timeout_seconds=10)
        if not done.ok:
            raise CannotTell(f"{self.service} can't be made to log: {done.last_words()}")
        kept.lines += 5
        return None

    def _not_found(self, stack: Stack) -> str | None:
        if stack.project not in self._logged:
            self._log(stack)
        kept = self._logged[stack.project]
        try:
            found = stack.loki.query_range(
                f'{{service="{self.service}"}} |= "{kept.mark}"', start=kept.since - timedelta(seconds=5)
            )
        except (CannotTell, Refused) as error:  # the store is away, or is starting
            return str(error)
        times = Counter(int(line.text.rsplit(" ", 1)[1]) for line in found)
        if missing := [number for number in range(kept.lines) if number not in times]:
            return f"{len(missing)} of {kept.lines} lines are missing, the first is number {missing[0]}"
        twice = [number for number, often in sorted(times.items()) if often > 1]
        return f"{len(twice)} of {kept.lines} lines are there twice, the first is number {twice[0]}" if twice else None
