"""More than can be waited for is refused at once, and what waits is still done."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
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


def test_a_programming_error_in_a_write_is_answered_and_the_writer_lives(tmp_path: Path) -> None:
    database = Database(settings_at(tmp_path), Metrics("blue"))
    database.start()

    with pytest.raises(Unavailable):
        asyncio.run(database.write(lambda _: 1 // 0))
    assert asyncio.run(database.write(lambda _: "alive")) == "alive"
    database.close()


def test_logins_beyond_the_queue_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace_server.passwords._MAX_WAITING", 3)
    passwords = Passwords()

    async def flood() -> list[object]:
        return await asyncio.gather(*(passwords.verify(None, "x") for _ in range(8)), return_exceptions=True)

    outcomes = asyncio.run(flood())
    passwords.close()

    assert outcomes.count(False) == 3
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 5
