"""Who may inject: one process a project, with a journal, a lock and a living watchdog, after leftovers are healed."""

from __future__ import annotations

import atexit
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.effect import Fault
from chaos.heal import Healed, heal, raise_if_any_failed
from chaos.journal import Journal, JournalUnwritable
from chaos.lease import Lease
from chaos.lock import ProjectLock, ProjectTaken
from chaos.watchdog import loaded, specify
from stack.errors import CannotTell, UserError
from stack.files import write_whole

if TYPE_CHECKING:
    from stack.model import Stack

_open: dict[Path, Runner] = {}
_permitted: set[str] = set()


def permit(project: str) -> None:
    """Somebody spelled out `--allow-faults PROJECT`: an attached project of that name may be broken."""
    _permitted.add(project)


def folder_of(stack: Stack) -> Path:
    """Where journals and locks are kept."""
    return stack.root / ".seatrial" / "chaos"


def journal_of(stack: Stack) -> Journal:
    """The project's journal, whoever writes it."""
    return Journal(folder_of(stack) / f"{stack.project}.jsonl")


def known_stack(project: str, root: Path) -> Stack | None:
    """The stack that a runner last broke under that project's name: its files, its profile and variables; None when none did.

    So a person who heals needs to know no more than the name. Raises UserError when its files are gone.
    """
    try:
        spec = json.loads((root / ".seatrial" / "chaos" / f"{project}.stack.json").read_text())
    except (OSError, ValueError):
        return None
    return loaded(spec)


class NotAllowed(CannotTell):
    """The project is not this run's own, and nobody allowed faults in it by name."""


def heal_leftovers(stack: Stack) -> list[Healed]:
    """Heal what an earlier runner of this project left standing. Healing restores, so it needs no permission.

    Raises UserError when another runner is at the project.
    """
    journal = journal_of(stack)
    if folder_of(stack) / stack.project in _open or not journal.standing():
        return []
    lock = ProjectLock(folder_of(stack) / f"{stack.project}.lock", stack.project)
    lock.take()
    try:
        return heal(stack, journal)
    finally:
        lock.drop()


def who_is_at(stack: Stack) -> str:
    """The runner that breaks the project now, in words; empty when there is none."""
    lock = ProjectLock(folder_of(stack) / f"{stack.project}.lock", stack.project)
    try:
        lock.take()
    except ProjectTaken:
        return lock.holder()
    lock.drop()
    return ""


def close(stack: Stack) -> list[Healed]:
    """End this process's runner for the project, if it has one; says what it had to heal."""
    runner = _open.get(folder_of(stack) / stack.project)
    return runner.close() if runner else []


class Runner:
    """The right to break one project, held from `open` to `close`."""

    def __init__(self, stack: Stack) -> None:
        folder = folder_of(stack)
        self.stack = stack
        self.journal = journal_of(stack)
        self._lock = ProjectLock(folder / f"{stack.project}.lock", stack.project)
        self._folder = folder
        self._lease: Lease | None = None

    @classmethod
    def of(cls, stack: Stack) -> Runner:
        """This process's runner for the stack's project, opened on first use.

        Raises NotAllowed when the project may not be broken, UserError when another runner is at it, and RevertFailed
        when an earlier runner's leftover can't be healed.
        """
        key = folder_of(stack) / stack.project
        if key not in _open:
            runner = cls(stack)
            runner.open()
            _open[key] = runner
            atexit.register(runner.close)
        return _open[key]

    def open(self) -> None:
        """Take the lock, heal what stands, start the watchdog."""
        if self.stack.attached and self.stack.project not in _permitted:
            name = self.stack.project
            raise NotAllowed(f"project {name} was not started by this run: breaking it needs --allow-faults {name}")
        self._lock.take()
        try:
            raise_if_any_failed(heal(self.stack, self.journal))
            self.journal.forget_closed()
            spec = specify(self.stack, self._folder)
            self._remember(spec)
            self._lease = Lease(spec, self._folder / f"{self.stack.project}.watchdog.log")
        except BaseException:
            self._lock.drop()
            raise

    def _remember(self, spec: dict[str, Any]) -> None:
        file = self._folder / f"{self.stack.project}.stack.json"
        try:
            write_whole(file, json.dumps(spec), mode=0o600)
        except OSError as error:
            raise JournalUnwritable(
                f"{file}, which tells who heals what stack it is, can't be written: {error.strerror}"
            ) from error

    def make_ready(self, fault: Fault) -> None:
        """Everything that must hold before an intent is written.

        Raises CannotTell when an earlier revert failed (no further fault is injected then) or no watchdog can be had,
        and UserError when the project has no such service.
        """
        if failed := [intent for intent in self.journal.standing() if intent.failure]:
            raise CannotTell(f"no further fault is injected: {failed[0].failure}")
        known = {service.name for service in self.stack.services}
        if unknown := [name for name in fault.targets if name not in known]:
            project = f"project {self.stack.project}"
            raise UserError(f"{fault}: {project} has no service {unknown[0]!r} (it has {', '.join(sorted(known))})")
        assert self._lease is not None
        self._lease.wait_until_ready()

    @property
    def watchdog_pid(self) -> int | None:
        """For whoever wants to see it, or kill it in a test."""
        return self._lease.pid if self._lease else None

    def close(self) -> list[Healed]:
        """Heal what stands, let the lock go, end the watchdog. Closing twice is harmless."""
        _open.pop(self._folder / self.stack.project, None)
        atexit.unregister(self.close)
        lease, self._lease = self._lease, None
        if lease is None:
            return []
        try:
            return heal(self.stack, self.journal)
        finally:
            self._lock.drop()
            lease.close()
