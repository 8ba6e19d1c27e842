"""Faults of a database's write-ahead log: what a careless copy, or a careless restore, leaves beside an SQLite file."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import GRACE_SECONDS, Changed
from chaos.faults.places import Place, require_plain
from chaos.faults.targets import containers_of, is_up
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

_WAYS = ("gone", "old")
_WAL_HEADER, _FRAME_HEADER = 32, 24


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
        """No log, or the older half of the present one, which is taken while the service still runs.

        Raises CannotTell when the log holds nothing that could be lost.
        """
        wal, _, shm = self.paths
        if self.log == "gone":
            if not self._look(stack)[wal].get("size"):
                raise CannotTell(f"{self}: there is nothing in {wal}, so nothing would be lost with it")
            return {wal: {"kind": "remove"}, shm: {"kind": "remove"}}
        present = place.do(stack, "read", tag=self.tag, labels=self.tools, path=place.within(wal))
        old = older(base64.b64decode(present))
        if old is None:
            raise CannotTell(f"{self}: {wal} holds too little for an older state of it")
        return {
            wal: {"kind": "write", "content": base64.b64encode(old).decode(), "like": PurePosixPath(self.path).name}
        }

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


def older(wal: bytes) -> bytes | None:
    """The older half of a write-ahead log: what a copy made earlier would have held; None of one with less than two frames.

    Its frames are only ever appended until it is begun anew, so an earlier state of it is its beginning. Frames of before
    carry another salt (SQLite's file format, "The Write-Ahead Log").
    """
    if len(wal) < _WAL_HEADER:
        return None
    step = _FRAME_HEADER + int.from_bytes(wal[8:12], "big")
    frames = 0
    for at in range(_WAL_HEADER, len(wal) - step + 1, step):
        if wal[at + 8 : at + 16] != wal[16:24]:
            break
        frames += 1
    return wal[: _WAL_HEADER + frames // 2 * step] if frames > 1 else None
