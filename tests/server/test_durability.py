"""What was acknowledged is there: after a restart, after SIGKILL, and with both colours writing one file."""

import http.client
import signal
import threading
from pathlib import Path

import pytest
import sqlcipher3
from marketplace_server.app import create_app
from marketplace_server.connection import WrongKey, open_connection
from starlette.testclient import TestClient

from stack.journey import Ack
from stack.marketplace import MarketplaceJourney
from stack.sailing import sail
from tests.server.conftest import listing, person, settings_at
from tests.server.process import running


def test_a_restart_keeps_orders_and_sessions(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as before:
        vendor, buyer = person(before), person(before)
        made = listing(before, vendor)
        headers = {**buyer.headers, "Idempotency-Key": "k"}
        order = before.post(f"/api/listings/{made['id']}/order", json={}, headers=headers).json()

    with TestClient(create_app(settings_at(tmp_path))) as after:
        again = after.post(f"/api/listings/{made['id']}/order", json={}, headers=headers)

        assert (again.status_code, again.json()) == (200, order)
        assert listing(after, vendor)["sequence"] > order["sequence"]


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        journey = MarketplaceJourney(blue.url)
        acks = [journey.act() for _ in range(40)]
        blue.end(signal.SIGKILL)
        blue.start()

        assert not journey.verify(acks)
        assert journey.act().sequence > max(ack.sequence for ack in acks)


def test_two_colours_write_one_database_and_number_it_together(tmp_path: Path) -> None:
    with running(tmp_path, "blue", "green") as colours:
        logs: dict[str, list[Ack]] = {}
        journeys = {colour.name: MarketplaceJourney(colour.url) for colour in colours}

        def write(name: str) -> None:
            logs[name] = sail(journeys[name], seconds=2, rate=60).acks

        threads = [threading.Thread(target=write, args=(colour.name,)) for colour in colours]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        numbers = [ack.sequence for acks in logs.values() for ack in acks]
        assert len(numbers) == len(set(numbers)) == 240
        for name, other in (("blue", colours[1]), ("green", colours[0])):
            assert logs[name] == sorted(logs[name], key=lambda ack: ack.sequence)
            assert not journeys[name].against(other.url).verify(logs[name])


def test_sigterm_ends_with_0_after_answering(tmp_path: Path) -> None:
    with running(tmp_path, "blue") as (blue,):
        assert blue.end(signal.SIGTERM) == 0


def test_draining_cuts_no_request_off(tmp_path: Path) -> None:
    """Each client goes on until an answer tells it that the connection ends; none may see one that ends without."""
    with running(tmp_path, "blue") as (blue,):
        answered: list[int] = []
        cut_off: list[Exception] = []
        under_way = threading.Barrier(9)

        def ask_until_told_to_go() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", blue.port, timeout=5)
            is_told = False
            count = 0
            while not is_told:
                try:
                    connection.request("GET", "/api/listings")
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException) as error:
                    cut_off.append(error)
                    return
                is_told = answer.getheader("Connection") == "close"
                count += 1
                if count == 5:
                    under_way.wait()
            answered.append(answer.status)
            connection.close()

        clients = [threading.Thread(target=ask_until_told_to_go) for _ in range(8)]
        for client in clients:
            client.start()
        under_way.wait()
        code = blue.end(signal.SIGTERM)
        for client in clients:
            client.join()

    assert (code, cut_off, answered) == (0, [], [200] * 8)


def test_the_files_are_ciphertext_and_open_with_the_key_only(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        listing(client, person(client), title="Plain words")
        files = [path for path in tmp_path.iterdir() if path.name.startswith("market.db")]

        assert {path.name for path in files} >= {"market.db", "market.db-wal"}
        assert all(b"Plain words" not in path.read_bytes() for path in files)
        assert not (tmp_path / "market.db").read_bytes().startswith(b"SQLite format 3")
    with pytest.raises(WrongKey):
        open_connection(tmp_path / "market.db", "another key", busy_timeout_seconds=1, writes=False)


def test_commits_are_flushed_and_in_a_write_ahead_log(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        writer = client.app.state.context.database._writer  # type: ignore[attr-defined]

        assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert writer.execute("PRAGMA cipher_page_size").fetchone() == ("4096",)
        assert writer.execute("PRAGMA kdf_iter").fetchone() == ("256000",)


def test_a_locked_database_refuses_politely_and_recovers(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, busy_timeout_seconds=0.2)
    with TestClient(create_app(settings)) as client:
        vendor = person(client)
        other = open_connection(settings.database, settings.database_key, busy_timeout_seconds=1, writes=True)
        other.execute("BEGIN IMMEDIATE")

        refused = client.post("/api/listings", json={"title": "x", "price_piconero": 1}, headers=vendor.headers)
        ready, browsing = client.get("/ready"), client.get("/api/listings")
        other.execute("ROLLBACK")
        other.close()

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (ready.status_code, browsing.status_code) == (503, 200)
        assert "database_lock_waits_total 2.0" in client.get("/metrics").text
        assert client.get("/ready").status_code == 200
        assert listing(client, vendor)


def test_a_full_disk_refuses_politely_and_loses_nothing(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        vendor = person(client)
        kept = listing(client, vendor)
        writer = client.app.state.context.database._writer  # type: ignore[attr-defined]
        # max_page_count makes SQLite answer "database or disk is full", as a full file system does.
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        body = {"title": "x", "description": "y" * 5000, "price_piconero": 1}
        answers = [client.post("/api/listings", json=body, headers=vendor.headers).status_code for _ in range(30)]
        writer.execute("PRAGMA max_page_count = 1073741823")

        assert answers[-1] == 503
        assert set(answers) <= {201, 503}
        stored = client.get("/api/listings?per_page=100").json()["items"]
        assert len(stored) == 1 + answers.count(201)
        assert kept in stored
        assert listing(client, vendor)


def test_a_backup_by_vacuum_holds_everything_and_search_still_works(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with TestClient(create_app(settings)) as client:
        found = listing(client, person(client), title="Astrolabe")
        writer = client.app.state.context.database._writer  # type: ignore[attr-defined]
        writer.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))

    with TestClient(create_app(settings_at(tmp_path, database=tmp_path / "copy.db"))) as restored:
        assert [item["id"] for item in restored.get("/api/listings?q=astro").json()["items"]] == [found["id"]]


def test_a_newer_schema_is_left_alone_by_an_older_colour(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with TestClient(create_app(settings)) as client:
        client.app.state.context.database._writer.execute("PRAGMA user_version = 99")  # type: ignore[attr-defined]

    with TestClient(create_app(settings)) as older:
        assert person(older)
        writer = older.app.state.context.database._writer  # type: ignore[attr-defined]
        assert writer.execute("PRAGMA user_version").fetchone() == (99,)


def test_the_state_machine_is_the_database_s_own(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        vendor, buyer = person(client), person(client)
        order = client.post(
            f"/api/listings/{listing(client, vendor)['id']}/order",
            headers={**buyer.headers, "Idempotency-Key": "k"},
        ).json()
        writer = client.app.state.context.database._writer  # type: ignore[attr-defined]

        def move(state: str) -> None:
            writer.execute("UPDATE orders SET state = ? WHERE id = ?", (state, order["id"]))

        for illegal in ("shipped", "released", "refunded", "created"):
            with pytest.raises(sqlcipher3.DatabaseError):
                move(illegal)
        for legal in ("funded", "shipped", "disputed", "refunded"):
            move(legal)
        with pytest.raises(sqlcipher3.DatabaseError):
            move("released")
        with pytest.raises(sqlcipher3.DatabaseError, match="terms"):
            writer.execute("UPDATE orders SET price_piconero = 1 WHERE id = ?", (order["id"],))


def test_the_ledger_posts_only_what_sums_to_zero_and_keeps_it(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        vendor, buyer = person(client), person(client)
        order = client.post(
            f"/api/listings/{listing(client, vendor)['id']}/order",
            headers={**buyer.headers, "Idempotency-Key": "k"},
        ).json()
        writer = client.app.state.context.database._writer  # type: ignore[attr-defined]

        def deposit(transaction: str, *entries: tuple[str, int]) -> None:
            (number,) = writer.execute(
                "INSERT INTO writes (kind, subject, at) VALUES ('deposit', ?, 0) RETURNING sequence", (transaction,)
            ).fetchone()
            writer.execute(
                "INSERT INTO ledger_transactions (id, order_id, kind, sequence, at) VALUES (?, ?, 'deposit', ?, 0)",
                (transaction, order["id"], number),
            )
            for account, amount in entries:
                writer.execute("INSERT INTO ledger_entries VALUES (?, ?, ?)", (transaction, account, amount))
            writer.execute("UPDATE ledger_transactions SET posted = 1 WHERE id = ?", (transaction,))

        deposit("good", ("chain", -5), ("escrow", 5))
        for name, entries in (("off", (("chain", -5), ("escrow", 4))), ("empty", ())):
            with pytest.raises(sqlcipher3.DatabaseError, match="sum to zero"):
                deposit(name, *entries)
        for change in (
            "UPDATE ledger_entries SET amount_piconero = 6",
            "DELETE FROM ledger_entries",
            "DELETE FROM ledger_transactions",
            "UPDATE ledger_transactions SET txid = 'x' WHERE id = 'good'",
            "INSERT INTO ledger_entries VALUES ('good', 'fees', 1)",
            "INSERT INTO ledger_entries VALUES ('off', 'fees', 1.5)",
        ):
            with pytest.raises(sqlcipher3.DatabaseError):
                writer.execute(change)
        assert "escrow_locked_piconero 9.0" in client.get("/metrics").text
