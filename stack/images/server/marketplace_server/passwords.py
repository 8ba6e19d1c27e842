"""Password hashing in threads of its own, because argon2id is made to be slow and the event loop must not be."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .errors import Unavailable

T = TypeVar("T")
A = TypeVarTuple("A")

_THREADS = 2
_MAX_WAITING = 64


class Passwords:
    """Hashes and verifies with argon2id.

    19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet, sized so that two at once fit two cores and 40
    MB. An unknown account is verified against a dummy of the same parameters: it takes as long as a known one.
    """

    def __init__(self) -> None:
        """Prepare the dummy hash; no account has a password that matches it."""
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._dummy = self._hasher.hash("no account has this hash")
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Hash a new password. Raises Unavailable when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Say whether the password matches; None (no such account) takes as long and is always False."""
        matches = await self._run(self._matches, stored or self._dummy, password)
        return matches and stored is not None

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()

    async def _run(self, work: Callable[[*A], T], *args: *A) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Unavailable("Too many logins are waiting; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
