"""The receiver: what was delivered stays, and silence is an alarm."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_receiver.__main__ import main
from alert_receiver.app import create_app
from alert_receiver.watchdog import Watchdog
from starlette.testclient import TestClient


def _message(*names: str, status: str = "firing") -> dict[str, object]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "status": status,
        "receiver": "receiver",
        "externalURL": "http://alertmanager:9093",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "severity": "critical"},
                "annotations": {"summary": "<b>down</b>"},
                "startsAt": "2026-11-24T06:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus",
            }
            for name in names
        ],
    }


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A running receiver."""
    with TestClient(create_app(tmp_path, 60)) as running:
        yield running


def test_what_is_delivered_can_be_asked_for_by_time(client: TestClient) -> None:
    first = client.post("/webhook", json=_message("ServiceDown")).json()["received_at"]
    client.post("/webhook", json=_message("ServiceDown", status="resolved"))

    everything = client.get("/deliveries", params={"since": first}).json()
    later = client.get("/deliveries", params={"since": everything[1]["received_at"]}).json()

    assert [delivery["status"] for delivery in everything] == ["firing", "resolved"]
    assert later == everything[1:]
    alert = everything[0]["alerts"][0]
    assert (alert["labels"]["alertname"], alert["startsAt"]) == ("ServiceDown", "2026-11-24T06:00:00Z")
    assert {"receiver", "groupKey"} <= set(everything[0])


def test_deliveries_outlive_the_process_and_a_torn_line(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path, 60)) as before:
        before.post("/webhook", json=_message("Kept"))
    with (tmp_path / "deliveries.jsonl").open("ab") as file:
        file.write(b'{"received_at": 17')  # killed in the middle of a write

    with TestClient(create_app(tmp_path, 60)) as after:
        after.post("/webhook", json=_message("New"))
        assert "alert_receiver_unreadable_lines 1.0" in after.get("/metrics").text
    with TestClient(create_app(tmp_path, 60)) as again:
        names = [delivery["alerts"][0]["labels"]["alertname"] for delivery in again.get("/deliveries").json()]

    assert names == ["Kept", "New"]


def test_the_file_is_set_aside_when_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alert_receiver.deliveries._MAX_BYTES", 1500)
    with TestClient(create_app(tmp_path, 60)) as client:
        for number in range(5):
            client.post("/webhook", json=_message(f"A{number}"))

    with TestClient(create_app(tmp_path, 60)) as again:
        kept = again.get("/deliveries").json()

    assert (tmp_path / "deliveries.1.jsonl").exists()
    assert kept[-1]["alerts"][0]["labels"]["alertname"] == "A4"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3000


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"version": "4"}', b"\xff"])
def test_what_is_no_message_is_refused_and_not_kept(client: TestClient, body: bytes) -> None:
    assert client.post("/webhook", content=body).status_code == 422
    assert client.get("/deliveries").json() == []


def test_an_oversize_message_is_refused(client: TestClient) -> None:
    assert client.post("/webhook", content=b"x" * (2 * 1024 * 1024 + 1)).status_code == 413


def test_since_must_be_a_number(client: TestClient) -> None:
    assert client.get("/deliveries?since=yesterday").status_code == 422


def test_a_message_that_cannot_be_kept_is_refused_so_that_it_comes_again(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        assert client.post("/webhook", json=_message("Again")).status_code == 503
        assert client.get("/deliveries").json() == []

    assert client.post("/webhook", json=_message("Again")).status_code == 200
    assert (tmp_path / "deliveries.jsonl").read_bytes().count(b"\n") == 1


def test_health_is_that_a_message_could_be_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/health").status_code == 200

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert client.get("/health").status_code == 503


def test_the_watchdog_alarms_in_silence_and_forgives_when_heard(capsys: pytest.CaptureFixture[str]) -> None:
    now = [1000.0]
    watchdog = Watchdog(60, clock=lambda: now[0])

    verdicts = []
    for moment, heard in ((1059.0, False), (1061.0, False), (1062.0, False), (1063.0, True), (1122.0, False)):
        now[0] = moment
        if heard:
            watchdog.seen()
        verdicts.append(watchdog.judge())

    assert verdicts == [False, True, True, False, False]
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["watchdog alarm: alerting is silent", "watchdog is back"]


def test_only_a_firing_watchdog_alert_is_heard(client: TestClient) -> None:
    client.post("/webhook", json=_message("ServiceDown"))
    client.post("/webhook", json=_message("Watchdog", status="resolved"))
    unheard = client.get("/watchdog").json()
    client.post("/webhook", json=_message("Watchdog"))
    heard = client.get("/watchdog").json()

    assert unheard["last_seen"] is None
    assert heard["last_seen"] is not None
    assert heard["alarm"] is False


def test_the_alarm_is_a_metric(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path, 1e-9)) as silent:
        assert "alert_receiver_watchdog_alarm 1.0" in silent.get("/metrics").text


@pytest.mark.parametrize("name", ["RECEIVER_WATCHDOG_SECONDS", "RECEIVER_PORT"])
def test_a_wrong_setting_is_one_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "soon")

    assert main() == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECEIVER_DATA", "/proc/nowhere")

    assert main() == 4
    assert "RECEIVER_DATA" in capsys.readouterr().err
