"""Faults of what one falls back on: backups that are not where they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import Changed, Meets
from chaos.faults.places import Gone, Place, place_of, require_plain
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class BackupMissing(Changed):
    """Backups of a kind are gone: the newest one, or every one of them."""

    folder: str
    """Where they are, as the service's container has it."""
    pattern: str = "*.gpg"
    """Which files are backups: a shell pattern. Their names sort by age."""
    newest: int = 1
    """How many are gone, from the newest on; 0: all."""

    effect: ClassVar[str] = "backup_missing"

    def __post_init__(self) -> None:
        require_plain(self.folder)
        if self.newest < 0 or "/" in self.pattern:
            raise UserError(f"backup_missing: {self.newest} files {self.pattern!r} can't be missing")

    @property
    def meets(self) -> Meets:
        """Whoever looks at backups looks anew each time."""
        return "by itself"

    @property
    def paths(self) -> tuple[str, ...]:
        """None that are known beforehand: which are the newest is seen in the folder."""
        return (f"{self.folder}/{self.pattern}",)

    def inject(self, stack: Stack) -> None:
        """Keep the newest aside. Raises CannotTell when there is none."""
        place = self._place(stack)
        names = self._ask(stack, place, "matching", pattern=self.pattern)
        gone = names[-self.newest :] if self.newest else names
        if not gone:
            raise CannotTell(f"{self}: {self.folder} holds no {self.pattern}")
        inside = [place.within(f"{self.folder}/{name}") for name in gone]
        self._act(stack, place, "change", paths=inside, changes={path: {"kind": "remove"} for path in inside})

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """None beside those of `inject`."""
        return {}

    def _put_back(self, stack: Stack) -> None:
        """Put back every file of the folder that this fault kept aside."""
        place = self._place(stack)
        kept = [place.within(f"{self.folder}/{name}") for name in self._kept_names(stack)]
        self._act(stack, place, "restore", paths=kept)
        self._act(stack, place, "forget", paths=kept)

    def active(self, stack: Stack) -> bool:
        """Whether a backup is kept aside."""
        try:
            return bool(self._kept_names(stack))
        except Gone:
            return False

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The folder no longer holds what was there."""
        place = self._place(stack)
        missing = sorted(set(self._kept_names(stack)) - set(self._ask(stack, place, "matching", pattern=self.pattern)))
        return f"{self.folder} no longer holds {', '.join(missing)}" if missing else None

    def touched(self, stack: Stack) -> dict[str, str]:
        """What is kept aside. The backups that are there are their service's to make and to prune, at any moment.

        That each is back to the byte is required by the revert itself, which puts nothing back that is not what was sealed.
        """
        try:
            kept = ", ".join(self._kept_names(stack)) or "nothing"
        except Gone:
            return {}
        return {f"{self.service}: kept in {self.folder}": kept}

    def _kept_names(self, stack: Stack) -> list[str]:
        return [str(name) for name in self._ask(stack, self._place(stack), "kept_in")]

    def _place(self, stack: Stack) -> Place:
        return place_of(stack, self.service, [f"{self.folder}/any"])

    def _ask(self, stack: Stack, place: Place, what: str, **told: Any) -> list[str]:
        found: list[str] = self._act(stack, place, what, folder=place.within(self.folder), **told)
        return found

    def _act(self, stack: Stack, place: Place, what: str, **told: Any) -> Any:
        return place.do(stack, what, tag=self.tag, labels=self.tools, **told)
