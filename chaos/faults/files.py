"""Faults of a file's content: a bit is not what was written, or the end is missing."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import Changed, Meets
from chaos.faults.places import Place, require_plain
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class _Damaged(Changed):
    """What the two share: which file, who is stopped for it, and what else of the service belongs to it."""

    path: str
    """The file, as the service's container has it: in a volume of the project or its state folder. With `*` in its last part the
    newest by name that holds something."""
    also: tuple[str, ...] = ()
    """Files that are kept with it and put back with it, such as a database's -wal and -shm."""
    together: tuple[str, ...] = ()
    """Further services that have the file open, and are stopped with this one."""
    held: bool = True
    """Whether the service has the file open, so that it is stopped while the file is changed."""
    written: bool = False
    """Whether the running service writes the file, so that its checksum says nothing once it runs again."""

    def __post_init__(self) -> None:
        for path in self.paths:
            require_plain(path)

    @property
    def targets(self) -> tuple[str, ...]:
        """The service and those stopped with it."""
        return (self.service, *self.together)

    @property
    def paths(self) -> tuple[str, ...]:
        """The file, and what belongs to it."""
        return (self.path, *self.also)

    def named(self, stack: Stack, place: Place) -> tuple[str, ...]:
        """The file, or the one that its pattern means: what is kept already, else the newest; none where none matches."""
        folder, _, pattern = self.path.rpartition("/")
        if "*" not in pattern:
            return self.paths
        found = []
        for what, more in (("kept_in", {}), ("matching", {"pattern": pattern})):
            names = place.do(stack, what, tag=self.tag, labels=self.tools, folder=place.within(folder), **more)
            found += [name for name in reversed(names) if fnmatchcase(name, pattern)]
        return (f"{folder}/{found[0]}", *self.also) if found else self.also

    def damaged(self, stack: Stack, place: Place, how: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """What becomes of the file alone. Raises CannotTell when no file matches its pattern."""
        names = self.named(stack, place)
        if len(names) < len(self.paths):
            raise CannotTell(f"{self}: there is no {self.path} that holds anything")
        return {names[0]: how}

    @property
    def compared(self) -> tuple[str, ...]:
        """The file alone, unless its service writes it: what belongs to it comes and goes."""
        return () if self.written else (self.path,)

    @property
    def meets(self) -> Meets:
        """By being started again where it holds the file open, else when it reads it next."""
        return "by restart" if self.held else "by itself"


@dataclass(frozen=True)
class FileCorrupted(_Damaged):
    """One bit of a file is the other way round, as after a fault of a disk, of memory or of a cable."""

    offset: int = -1
    """The byte, from 0; -1: drawn from `seed`."""
    bit: int = 0
    """Which of the byte's bits, from 0."""
    seed: int = 0

    effect: ClassVar[str] = "file_corrupted"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.bit <= 7 or self.offset < -1:
            raise UserError(f"file_corrupted: there is no bit {self.bit} of byte {self.offset}")

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """The bit."""
        return self.damaged(stack, place, {"kind": "flip", "offset": self.offset, "bit": self.bit, "seed": self.seed})


@dataclass(frozen=True)
class FileTruncated(_Damaged):
    """A file ends too early, as after a full disk or a machine that lost power."""

    size: int = 0
    """How many bytes are left of it."""

    effect: ClassVar[str] = "file_truncated"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 0:
            raise UserError(f"file_truncated: a file can't have {self.size} bytes")

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """The cut."""
        return self.damaged(stack, place, {"kind": "cut", "size": self.size})
