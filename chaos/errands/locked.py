"""Whether a database is locked still, once something was asked under the lock: what came after its end says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.fingerprint import Fingerprint
from chaos.question import Probe
from stack.errors import CannotTell

if TYPE_CHECKING:
    from chaos.faults.database_lock import DatabaseLocked
    from stack.model import Stack


def still_locked(lock: DatabaseLocked) -> Probe:
    """The lock is held. Raises CannotTell when it is not: it ends by itself, and the stack has no part in that."""

    def complaint(stack: Stack) -> str | None:
        if lock.witness(stack, Fingerprint.of(stack)) is None:
            raise CannotTell(f"{lock} ended before the answer came, so that nothing can be said of it")
        return None

    return Probe("the database is locked still", complaint)
