"""More than can be waited for is refused at once, and what waits is still done."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3
from marketplace_server import database as module
from marketplace_server.connection import Connection
from marketplace_server.database import Database
from marketplace_server.errors import NotFound, Unavailable
from marketplace_server.metrics import Metrics
from marketplace_server.passwords import Passwords

from tests.server.conftest import settings_at


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_full_queue_refuses_and_finishes_what_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 20)
    database = Database(settings_at(tmp_path), Metrics("blue"))
    database.start()
    gate = threading.Event()

    async def flood() -> list[object]:
        asked = getattr(database, kind)
        waiting = [asyncio.create_task(asked(lambda _: gate.wait(10))) for _ in range(60)]
        # All have been taken or refused once each task had its turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        outcomes: list[object] = await asyncio.gather(*waiting, return_exceptions=True)
        return outcomes

    outcomes = asyncio.run(flood())
    database.close()

    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert 30 <= len(refused) <= 40
    assert outcomes.count(True) == 60 - len(refused)


def test_a_write_that_is_refused_undoes_itself_and_not_its_neighbours(tmp_path: Path) -> None:
    database = Database(settings_at(tmp_path), Metrics("blue"))
    database.start()

    def beat(name: str, fails: bool) -> Coroutine[Any, Any, str]:
        def work(connection: Connection) -> str:
            connection.execute("INSERT INTO heartbeats VALUES (?, 0)", (name,))
            if fails:
                raise NotFound
            return name

        return database.write(work)

    async def together() -> list[str | BaseException]:
        return await asyncio.gather(*(beat(f"w{n}", n % 3 == 0) for n in range(12)), return_exceptions=True)

    outcomes = asyncio.run(together())
    stored = asyncio.run(database.read(lambda c: c.execute("SELECT colour FROM heartbeats").fetchall()))
    database.close()

    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 4
    assert {row[0] for row in stored} == {f"w{n}" for n in range(12) if n % 3}


@pytest.mark.parametrize(
    ("surprise", "raised"),
    [
        (lambda _: 1 // 0, ZeroDivisionError),
        (lambda c: c.execute("INSERT INTO heartbeats VALUES (NULL, 0)"), sqlcipher3.IntegrityError),
        (lambda c: c.execute("INSERT INTO heartbeats VALUES ('large', ?)", (2**64,)), OverflowError),
        (lambda c: c.execute("INSERT INTO nowhere VALUES (0)"), Unavailable),
    ],
    ids=["a programming error", "a constraint", "too large a number", "the database's own error"],
)
def test_a_surprise_in_a_write_undoes_that_one_and_is_told_to_its_caller(
    tmp_path: Path, surprise: Callable[[Connection], Any], raised: type[Exception]
) -> None:
    before, error, after, stored = _with_neighbours(tmp_path, surprise)

    assert (before, type(error), after) == ("before", raised, "after")
    assert stored == ["after", "alive", "before"]


def test_when_the_transaction_is_gone_all_who_shared_it_are_told(tmp_path: Path) -> None:
    outcomes = _with_neighbours(tmp_path, lambda c: c.execute("ROLLBACK"))

    assert [type(one) for one in outcomes[:3]] == [Unavailable] * 3
    assert outcomes[3] == ["alive"]


def _with_neighbours(folder: Path, surprise: Callable[[Connection], Any]) -> tuple[Any, Any, Any, list[str]]:
    """Answer what a work before, one that writes and then meets the surprise, and one after in the same commit came to.

    And what was stored, with one more write afterwards.
    """
    database = Database(settings_at(folder), Metrics("blue"))
    database.start()
    gate = threading.Event()

    def beats(name: str) -> Callable[[Connection], str]:
        def work(connection: Connection) -> str:
            connection.execute("INSERT INTO heartbeats VALUES (?, 0)", (name,))
            return name

        return work

    def begins_and_fails(connection: Connection) -> None:
        beats("undone")(connection)
        surprise(connection)

    async def together() -> list[Any]:
        first = asyncio.create_task(database.write(lambda _: gate.wait(10)))
        await asyncio.sleep(0)
        while database._jobs.qsize():  # what comes now shares the next commit
            await asyncio.sleep(0.001)
        works = [beats("before"), begins_and_fails, beats("after")]
        tasks = [asyncio.create_task(database.write(work)) for work in works]
        await asyncio.sleep(0)
        gate.set()
        await first
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await database.write(beats("alive"))
        return outcomes

    before, error, after = asyncio.run(together())
    stored = asyncio.run(database.read(lambda c: c.execute("SELECT colour FROM heartbeats").fetchall()))
    database.close()
    return before, error, after, sorted(row[0] for row in stored)


def test_logins_beyond_the_queue_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace_server.passwords._MAX_WAITING", 3)
    passwords = Passwords()

    async def flood() -> list[object]:
        return await asyncio.gather(*(passwords.verify(None, "x") for _ in range(8)), return_exceptions=True)

    outcomes = asyncio.run(flood())
    passwords.close()

    assert outcomes.count(False) == 3
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 5
