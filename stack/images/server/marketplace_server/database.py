"""One writer that commits in groups and a few readers, because an fsync for each order would cap orders at the disk's."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import sqlcipher3

from . import logs
from .acknowledged import Acknowledged
from .connection import Connection, DatabaseUnavailable, OlderThanAcknowledged, open_connection
from .errors import ApiError, Unavailable
from .metrics import Metrics
from .schema import migrate
from .settings import Settings

T = TypeVar("T")
_Job = tuple[Callable[[Connection], Any], "Future[Any]"]

READERS = 2
MAX_BATCH = 128
"""Writes that share one commit at most: bounds how long the other colour waits for the lock."""
MAX_WAITING = 1024
"""Writes, and reads, that may wait: beyond it a client is told to come back, rather than kept until it gives up."""


class Database:
    """The encrypted database as the application sees it: `await write(work)` and `await read(work)`.

    `write` returns after the commit has been fsynced. What a work raises undoes its own changes only, and is told to its
    own caller; what keeps the database from committing becomes Unavailable for all of the batch, and none of it happened.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Remember how to open; nothing is opened before `start`."""
        self._settings = settings
        self._metrics = metrics
        self._acknowledged = Acknowledged(settings.database)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: Connection | None = None
        self._thread = threading.Thread(target=self._write_until_closed, name="database-writer", daemon=True)
        self._readers: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._reading = 0
        self._closed = False

    def start(self) -> None:
        """Open, migrate and start the writer; does nothing when started already.

        Blocks for the key derivations (about 0.1 s each). Raises DatabaseUnavailable, WrongKey, and OlderThanAcknowledged
        before anything is written into a file that is not the one that was answered for.
        """
        if self._thread.is_alive():
            return
        try:
            self._settings.database.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open(writes=True)
            self._require_all_that_was_acknowledged(self._writer)
            version = migrate(self._writer, self._settings.database)
            for reader in self._pool.map(lambda _: self._open(writes=False), range(READERS)):
                self._readers.put(reader)
            last = _last_sequence(self._writer)
        except (OSError, sqlcipher3.Error) as error:
            raise DatabaseUnavailable(f"cannot open {self._settings.database}: {error}") from error
        self._metrics.sequence.set(last)
        self._acknowledged.note(last)
        self._thread.start()
        logs.info("database open", schema_version=version, last_sequence=last)

    def close(self) -> None:
        """Commit what is queued, then close every connection."""
        self._closed = True
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self._pool.shutdown()
        while not self._readers.empty():
            self._readers.get().close()
        if self._writer:
            self._writer.close()
        self._acknowledged.close()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection in a thread. Raises what it raises, and Unavailable."""
        if self._closed or self._reading >= MAX_WAITING:
            raise Unavailable("Too many reads are waiting; try again.")
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)
        except sqlcipher3.Error as error:
            logs.failure("database read failed")
            raise Unavailable("The database can't be read now; try again.") from error
        finally:
            self._reading -= 1

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` inside a transaction; returns once its commit is on disk. Raises what it raises, and Unavailable."""
        if self._closed or self._jobs.qsize() >= MAX_WAITING:
            raise Unavailable("Too many writes are waiting; try again.")
        answer: Future[T] = Future()
        self._jobs.put((work, answer))
        return await asyncio.wrap_future(answer)

    def _open(self, *, writes: bool) -> Connection:
        return open_connection(
            self._settings.database,
            self._settings.database_key,
            busy_timeout_seconds=self._settings.busy_timeout_seconds,
            writes=writes,
        )

    def _require_all_that_was_acknowledged(self, writer: Connection) -> None:
        there, promised = _last_sequence(writer), self._acknowledged.open()
        if there < promised:
            path = self._settings.database
            raise OlderThanAcknowledged(
                f"{path} ends at write {there}, and customers were answered for writes up to {promised}: its write-ahead log "
                f"is missing or not its own, or an older copy was put here. Restore it with stack.ops, or remove "
                f"{self._acknowledged.path} to go on without them"
            )

    def _read(self, work: Callable[[Connection], T]) -> T:
        reader = self._readers.get()
        try:
            return work(reader)
        finally:
            self._readers.put(reader)

    def _write_until_closed(self) -> None:
        job = self._jobs.get()
        while job is not None:
            batch = [job]
            job = None
            while len(batch) < MAX_BATCH:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:  # closing: commit what is in hand, then leave
                    self._commit(batch)
                    return
                batch.append(job)
            self._commit(batch)
            job = self._jobs.get()

    def _commit(self, batch: Sequence[_Job]) -> None:
        live = [(work, answer) for work, answer in batch if answer.set_running_or_notify_cancel()]
        assert self._writer is not None
        try:
            outcomes = self._transaction(self._writer, [work for work, _ in live])
        except Exception:  # noqa: BLE001  whatever it was, nothing was committed, and every caller must hear so
            self._metrics.database_errors.inc()
            logs.failure("write batch failed", writes=len(live))
            if self._writer.in_transaction:
                self._roll_back(self._writer)
            for _, answer in live:
                answer.set_exception(Unavailable("The database can't be written to now; try again."))
            return
        for (_, answer), outcome in zip(live, outcomes, strict=True):
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

    def _transaction(self, writer: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        """Run each work in a savepoint of one transaction. Outcomes are results, or the error that undid one work.

        Raises what left no transaction to go on with: a full disk or an I/O error ends it by itself.
        """
        self._begin(writer)
        outcomes: list[Any] = []
        for work in works:
            writer.execute("SAVEPOINT one_write")
            try:
                outcomes.append(work(writer))
            except Exception as error:  # the others, strangers' orders perhaps, have no part in it
                if not writer.in_transaction:
                    raise
                writer.execute("ROLLBACK TO one_write")
                outcomes.append(self._told(error))
            writer.execute("RELEASE one_write")
        (last,) = writer.execute("SELECT COALESCE(MAX(sequence), 0) FROM writes").fetchone()
        started = time.perf_counter()
        writer.execute("COMMIT")
        self._acknowledged.note(last)
        self._metrics.commit.observe(time.perf_counter() - started)
        self._metrics.batch.observe(len(works))
        return outcomes

    def _told(self, error: Exception) -> Exception:
        """Answer what the caller of a work is told that raised `error`; called while that is being handled."""
        if isinstance(error, ApiError):
            return error
        self._metrics.database_errors.inc()
        logs.failure("write failed")
        if isinstance(error, sqlcipher3.OperationalError):
            return Unavailable("The database can't be written to now; try again.")
        return error

    def _begin(self, writer: Connection) -> None:
        """Take the write lock, counting the times somebody else (the other colour, a backup) had it."""
        started = time.perf_counter()
        writer.execute("PRAGMA busy_timeout = 0")
        try:
            writer.execute("BEGIN IMMEDIATE")
        except sqlcipher3.OperationalError:
            self._metrics.lock_waits.inc()
            writer.execute(f"PRAGMA busy_timeout = {int(self._settings.busy_timeout_seconds * 1000)}")
            writer.execute("BEGIN IMMEDIATE")
        finally:
            self._metrics.lock_wait.observe(time.perf_counter() - started)
        # A commit may have to wait too (a checkpoint by the other colour); only taking the lock is probed without.
        writer.execute(f"PRAGMA busy_timeout = {int(self._settings.busy_timeout_seconds * 1000)}")

    @staticmethod
    def _roll_back(writer: Connection) -> None:
        try:
            writer.execute("ROLLBACK")
        except sqlcipher3.Error:  # SQLite has already rolled back by itself (disk full, I/O error)
            logs.failure("rollback failed")


def _last_sequence(connection: Connection) -> int:
    """The number of the last write; 0 without one, and in a database that has no tables yet."""
    if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'writes'").fetchone()[0]:
        return 0
    return int(connection.execute("SELECT COALESCE(MAX(sequence), 0) FROM writes").fetchone()[0])
