"""What operators see: health, readiness, metrics, logs, wallets, settings."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from marketplace_server import logs, orders
from marketplace_server.app import create_app
from marketplace_server.settings import Settings, SettingsError
from starlette.testclient import TestClient

from tests.server.conftest import Person, listing, person, settings_at
from tests.server.test_escrow_rules import SUBADDRESS


class _Wallet(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def wallet() -> Iterator[str]:
    """A wallet RPC as it looks without credentials."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Wallet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def silent() -> Iterator[str]:
    """A paused wallet: the kernel takes the connection and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _place(client: TestClient, buyer: Person, listing_id: object, key: str) -> object:
    headers = {**buyer.headers, "Idempotency-Key": key}
    return client.post(f"/api/listings/{listing_id}/order", json={}, headers=headers)


def test_without_wallets_browsing_works_and_orders_come_back_later(tmp_path: Path, wallet: str, silent: str) -> None:
    with TestClient(create_app(settings_at(tmp_path, wallets={"buyer": wallet}))) as up:
        vendor, buyer = person(up), person(up)
        item = listing(up, vendor)
        order = _place(up, buyer, item["id"], "before")
        assert order.status_code == 201  # type: ignore[attr-defined]

    with TestClient(create_app(settings_at(tmp_path, wallets={"buyer": wallet, "vendor": silent}))) as down:
        refused = _place(down, buyer, item["id"], "after")
        replayed = _place(down, buyer, item["id"], "before")
        ready = down.get("/ready")

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")  # type: ignore[attr-defined]
        assert refused.json()["error"]["code"] == "wallets_unavailable"  # type: ignore[attr-defined]
        assert replayed.json() == order.json()  # type: ignore[attr-defined]
        assert down.get("/api/listings").status_code == 200
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["wallets"] == {"buyer": "answers", "vendor": "silent"}
        metrics = down.get("/metrics").text
        assert 'wallet_reachable{wallet="vendor"} 0.0' in metrics
        assert 'orders_refused_total{reason="wallets_unavailable"} 1.0' in metrics


def test_health_is_alive_and_ready_says_what_it_tried(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "alive", "colour": "blue"}
    ready = client.get("/ready").json()
    assert (ready["database"], ready["synchronous"]) == ("writable", "FULL")


def test_metrics_move_by_the_right_amount_and_name_routes_never_paths(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        vendor, buyer = person(client), person(client)
        item = listing(client, vendor)
        for key in ("1", "2", "2"):
            _place(client, buyer, item["id"], key)
        client.get("/api/listings/some-id")
        client.get("/no/such/path")
        client.request("BREW", "/api/listings")

        text = client.get("/metrics").text

        for line in (
            "orders_created_total 2.0",
            "orders_replayed_total 1.0",
            "registrations_total 2.0",
            "listings_created_total 1.0",
            'http_requests_total{method="POST",route="/api/listings/{id}/order",status="201"} 2.0',
            'http_requests_total{method="GET",route="/api/listings/{id}",status="404"} 1.0',
            'http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
            'http_requests_total{method="OTHER",route="/api/listings",status="405"} 1.0',
        ):
            assert line in text
        assert "some-id" not in text


def test_an_order_that_asked_for_no_escrow_is_none_and_waits_for_nothing(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        vendor, buyer = person(client), person(client)
        item = listing(client, vendor)
        _place(client, buyer, item["id"], "1")
        without = _escrow_gauges(client)
        wanted = orders.Request(
            buyer_id=buyer.id, listing_id=str(item["id"]), key="2", note="", refund_address=SUBADDRESS
        )
        assert client.portal is not None
        client.portal.call(
            client.app.state.context.database.write,  # type: ignore[attr-defined]
            lambda connection: orders.place(connection, wanted, wallets_answer=True),
        )
        with_one = _escrow_gauges(client)

    assert without == {"active": 0, "locked_piconero": 0, "oldest_pending_seconds": 0, "disputes_open": 0}
    assert 0 < with_one.pop("oldest_pending_seconds") < 60
    assert with_one == {"active": 1, "locked_piconero": 0, "disputes_open": 0}


def _escrow_gauges(client: TestClient) -> dict[str, float]:
    names = ("active", "locked_piconero", "oldest_pending_seconds", "disputes_open")
    shown = dict(
        line.split()
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("escrow_") and "{" not in line
    )
    return {name: float(shown[f"escrow_{name}"]) for name in names}


def test_strange_paths_and_verbs_make_no_series_of_their_own(tmp_path: Path) -> None:
    def series(text: str) -> int:
        return sum(line.startswith("http_") for line in text.splitlines())

    with TestClient(create_app(settings_at(tmp_path))) as client:
        ask = [
            lambda number: client.get(f"/strange/{number}"),
            lambda number: client.request(f"VERB{number}", f"/api/listings/{number}"),
            lambda number: client.get(
                f"/api/listings/{number}?q={number}", headers={"X-Request-ID": f"id-{number:08}"}
            ),
        ]
        for one in ask:
            one(0)
        client.get("/metrics")
        before = series(client.get("/metrics").text)
        for number in range(1, 40):
            for one in ask:
                one(number)

        assert series(client.get("/metrics").text) == before


def test_a_request_id_of_the_edge_is_kept_and_an_odd_one_replaced(client: TestClient) -> None:
    kept = client.get("/health", headers={"X-Request-ID": "0123456789abcdef"}).headers["x-request-id"]
    odd = client.get("/health", headers={"X-Request-ID": 'x" injected="1'}).headers["x-request-id"]

    assert kept == "0123456789abcdef"
    assert odd.isalnum()


def test_logs_are_json_with_request_ids_and_without_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    monkeypatch.setattr(root, "level", root.level)
    logs.configure("blue")
    with TestClient(create_app(settings_at(tmp_path))) as client:
        client.post("/api/register", json={"username": "dora", "password": "open sesame 1"})
        token = client.post("/api/login", json={"username": "dora", "password": "open sesame 1"}).json()["token"]
        client.get("/api/listings?q=private%20words%0ainjected", headers={"X-Request-ID": "12345678-abc"})

    written = capfd.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    assert any(line.get("request_id") == "12345678-abc" and line["route"] == "/api/listings" for line in lines)
    assert all(secret not in written for secret in ("open sesame", token, "private", "a key with"))


def test_a_failure_inside_is_one_json_500_that_tells_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("marketplace_server.listings.get", broken)

    answer = client.get("/api/listings/x")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret detail" not in answer.text


def _environment(folder: Path, **changes: str) -> dict[str, str]:
    (folder / "key").write_text("k\n")
    (folder / "session").write_text("0123456789abcdef\n")
    return {
        "DATABASE_PASSWORD_FILE": str(folder / "key"),
        "SESSION_SECRET_FILE": str(folder / "session"),
        **changes,
    }


def test_settings_come_from_files_and_show_no_secret(tmp_path: Path) -> None:
    settings = Settings.from_environment(_environment(tmp_path, SEATRIAL_WALLETS="buyer=http://w:18082"))

    assert (settings.database_key, settings.wallets) == ("k", {"buyer": "http://w:18082"})
    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"DATABASE_PASSWORD_FILE": ""},
        {"DATABASE_PASSWORD_FILE": "/nowhere"},
        {"SEATRIAL_PORT": "http"},
        {"SEATRIAL_PORT": "0"},
        {"SEATRIAL_WALLETS": "buyer"},
        {"SEATRIAL_WALLETS": "buyer=ftp://x"},
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(changes))) as told:
        Settings.from_environment(_environment(tmp_path, **changes))

    assert "\n" not in str(told.value)
