"""Backups made one after another while the service that makes them dies, and every one that is offered held to its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.completed import Completed
    from stack.model import Stack

_LONGEST_SECONDS = 60
_BEGINS_WITHIN = timedelta(seconds=60)
_MAKING = ".making-"
"""How the names begin under which a backup is built, until it is whole (stack/ops/backup_folder.py)."""


@dataclass
class Backups:
    """The backups of one service, by the operator's own commands inside it."""

    service: str
    kind: str
    """`database` or `wallets`: the command's last word and the folder's name."""
    _cut: dict[str, str] = field(default_factory=dict)
    _idle: set[str] = field(default_factory=set)
    """The projects in which nothing was being made when that was last looked at."""

    @property
    def made(self) -> Probe:
        """A backup is made, verified and announced now. Asked all the time, one is always under way."""
        return Probe(f"a backup of the {self.kind} is made", self._not_made)

    @property
    def sound(self) -> Probe:
        """There are backups, and each is byte for byte what its manifest says."""
        return Probe(f"every backup of the {self.kind} that is offered is whole", self._unsound)

    @property
    def just_begun(self) -> Probe:
        """A backup is under way and was not a moment ago: nearly all of its work is still to come."""
        return Probe(f"a backup of the {self.kind} has just been begun", self._not_begun, _BEGINS_WITHIN)

    def cut_short(self, stack: Stack) -> str | None:
        """Evidence that a backup was under way and did not come to its end; None while there is none. Tells it once."""
        return self._cut.pop(stack.project, None)

    def _not_made(self, stack: Stack) -> str | None:
        try:
            done = self._run(stack, f"backup-{self.kind}")
        except CannotTell as error:  # the container is down, or went down under the command
            return str(error)
        if done.code in (137, 143):
            # What a signal ended, was under way; what could not be begun ends otherwise.
            self._cut[stack.project] = f"a backup of the {self.kind} was under way and was killed ({done.code})"
        return None if done.ok else f"exit code {done.code}: {done.last_words()}"

    def _not_begun(self, stack: Stack) -> str | None:
        folder = f"/backups/{self.kind}"
        done = stack.container(self.service).exec(["ls", "-A", folder])
        if not done.ok:
            raise CannotTell(f"{folder} of {self.service} can't be listed: {done.last_words()}")
        making = [name for name in done.stdout.split() if name.startswith(_MAKING)]
        if not making:
            self._idle.add(stack.project)
            return f"nothing in {folder} is being made"
        if stack.project not in self._idle:
            return f"{making[0]} has been in the making for a while"
        self._idle.discard(stack.project)
        return None

    def _unsound(self, stack: Stack) -> str | None:
        try:
            done = self._run(stack, "verify-backups", "--in", f"/backups/{self.kind}")
        except CannotTell as error:
            return str(error)
        return None if done.ok else f"verify-backups, exit code {done.code}: {done.last_words()}"

    def _run(self, stack: Stack, *command: str) -> Completed:
        argv = ["python", "-m", "stack.ops", *command]
        return stack.container(self.service).exec(argv, timeout_seconds=_LONGEST_SECONDS)
