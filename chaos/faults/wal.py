"""Faults of a database's write-ahead log: what a careless copy, or a careless restore, leaves beside an SQLite file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import GRACE_SECONDS, Changed
from chaos.faults.places import Place, require_plain
from chaos.faults.targets import containers_of, is_up
from stack.errors import UserError

if TYPE_CHECKING:
    from stack.model import Stack

_WAYS = ("gone", "old")


@dataclass(frozen=True)
class StaleWal(Changed):
    """The log beside an SQLite database is not its own: gone after a crash, or an older one beside a newer file.

    SQLite takes both without a word: without its log the file is what it was at the last checkpoint, and an older log is
    played over what is newer. Acknowledged writes are gone, and every integrity check passes.
    """

    path: str
    """The database's file, as the service's container has it; the log is beside it, with -wal and -shm."""
    log: str = "gone"
    """`gone`: the service crashes and the log is lost; `old`: it ends in order and an earlier state of the log comes back."""
    together: tuple[str, ...] = ()
    """Further services that have the database open, and are stopped with this one."""

    effect: ClassVar[str] = "stale_wal"

    def __post_init__(self) -> None:
        require_plain(self.path)
        if self.log not in _WAYS:
            raise UserError(f"stale_wal: a log is {' or '.join(_WAYS)}, not {self.log!r}")

    @property
    def targets(self) -> tuple[str, ...]:
        """The service and those stopped with it."""
        return (self.service, *self.together)

    @property
    def paths(self) -> tuple[str, ...]:
        """The three files that are one database. The log first: it is what the witness speaks of."""
        return (f"{self.path}-wal", self.path, f"{self.path}-shm")

    @property
    def compared(self) -> tuple[str, ...]:
        """None: the service writes all three."""
        return ()

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """No log, or the older half of the present one, which is taken while the service still runs."""
        wal, _, shm = self.paths
        if self.log == "gone":
            return {wal: {"kind": "remove"}, shm: {"kind": "remove"}}
        place.do(stack, "stage", tag=self.tag, labels=self.tools, path=place.within(wal))
        return {wal: {"kind": "staged"}}

    def halt(self, stack: Stack) -> None:
        """A crash leaves the log beside the file; whoever ends in order moves it into the file first."""
        for service in self.targets:
            for container in containers_of(stack, service):
                if not is_up(container):
                    continue
                if self.log == "gone":
                    # By the engine, so that the restart policy does not bring it back while its files are changed.
                    stack.driver.kill(container["Id"])
                stack.driver.stop(container["Id"], grace_seconds=GRACE_SECONDS)

    def witness(self, stack: Stack, before: Any) -> str | None:
        """The log that was kept is not the one beside the file: another one is there, or none was and one is."""
        found = self._look(stack)[self.paths[0]]
        sealed = found["sealed"]
        if not sealed or (found["kind"] == "absent" and sealed["kind"] == "absent"):
            return None
        if found.get("sha256") == sealed.get("sha256"):
            return None
        was = f"{sealed['size']} bytes" if sealed["kind"] == "file" else "nothing"
        now = f"{found['size']} bytes" if found["kind"] == "file" else "nothing"
        return f"{self.service}: {self.path}-wal is {now} and was {was} when it went down"
