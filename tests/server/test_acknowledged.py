"""A database that lacks what customers were answered for is refused, whatever made it older; a restore is not."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from marketplace_server.acknowledged import Acknowledged
from marketplace_server.app import create_app
from marketplace_server.connection import OlderThanAcknowledged
from starlette.testclient import TestClient

from stack.marketplace import MarketplaceJourney
from tests.server.conftest import listing, person, settings_at
from tests.server.process import running


def database_in(folder: Path) -> Path:
    return settings_at(folder).database


def traded(folder: Path, times: int = 3) -> int:
    """A marketplace in which something was acknowledged; the last number."""
    with TestClient(create_app(settings_at(folder))) as client:
        vendor = person(client)
        return [int(listing(client, vendor)["sequence"]) for _ in range(times)][-1]


def starts(folder: Path) -> None:
    with TestClient(create_app(settings_at(folder))):
        pass


def an_older_copy(folder: Path) -> None:
    shutil.copy(folder / "older.db", database_in(folder))


def an_empty_file(folder: Path) -> None:
    database_in(folder).write_bytes(b"")


def no_file(folder: Path) -> None:
    database_in(folder).unlink()


@pytest.mark.parametrize("damage", [an_older_copy, an_empty_file, no_file])
def test_an_older_database_is_refused_and_left_as_it_is(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    traded(tmp_path)
    shutil.copy(database_in(tmp_path), tmp_path / "older.db")
    last = traded(tmp_path)
    damage(tmp_path)
    found = database_in(tmp_path).read_bytes() if database_in(tmp_path).exists() else b""

    with pytest.raises(OlderThanAcknowledged, match=f"customers were answered for writes up to {last}: "):
        starts(tmp_path)

    assert database_in(tmp_path).read_bytes() == found


def test_the_log_of_a_crashed_server_that_is_gone_is_noticed(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        journey = MarketplaceJourney(blue.url)
        for _ in range(5):
            journey.act()
        blue.end(signal.SIGKILL)
        wal = tmp_path / "market.db-wal"
        assert wal.stat().st_size > 0, "the crash left no log, so this proves nothing"
        wal.unlink()
        blue.launch()
        assert blue.process is not None

        assert blue.process.wait(timeout=60) == 4

    assert "write-ahead log is missing or not its own" in (tmp_path / "blue.log").read_text()


def test_whoever_removes_the_note_goes_on_without_them(tmp_path: Path) -> None:
    traded(tmp_path)
    database_in(tmp_path).unlink()
    Acknowledged(database_in(tmp_path)).path.unlink()

    starts(tmp_path)


def test_a_killed_server_and_one_that_ended_in_order_start_again(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        journey = MarketplaceJourney(blue.url)
        acks = [journey.act() for _ in range(5)]
        blue.end(signal.SIGKILL)
        blue.start()
        blue.end(signal.SIGTERM)
        blue.start()

        assert not journey.verify(acks)


def test_the_note_is_what_was_acknowledged_and_no_text(tmp_path: Path) -> None:
    last = traded(tmp_path)
    noted = Acknowledged(database_in(tmp_path))

    assert noted.open() == last
    noted.close()
    assert noted.path.read_bytes() == last.to_bytes(8, "big")


def test_a_lower_number_does_not_lower_it_and_a_torn_one_accuses_nobody(tmp_path: Path) -> None:
    noted = Acknowledged(tmp_path / "market.db")
    noted.open()
    noted.note(7)
    noted.note(3)

    assert noted.open() == 7
    noted.path.write_bytes(b"\0\0")
    assert noted.open() == 0
    noted.close()


def test_what_can_not_be_noted_keeps_nobody_waiting(tmp_path: Path) -> None:
    noted = Acknowledged(tmp_path / "market.db")
    noted.path.symlink_to("/dev/full")
    if subprocess.run(["test", "-w", "/dev/full"], check=False).returncode:
        pytest.skip("there is no /dev/full here")
    noted.open()

    noted.note(7)

    assert noted._highest == 0
    noted.close()
