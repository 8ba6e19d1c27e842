"""The clients give plain data, tell refusal from silence, and never take an error in a body for success."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stack.clients.alertmanager import Alertmanager
from stack.clients.http import Refused
from stack.clients.loki import LogQueryRefused, Loki
from stack.clients.prometheus import Prometheus, QueryRefused, moment
from stack.clients.receiver import Receiver
from stack.clients.wallet import LoginRefused, WalletError, WalletRpc
from stack.errors import CannotTell

Answers = dict[str, tuple[int, Any]]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@contextmanager
def answering(answers: Answers) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server that answers each path (without query) as told, and keeps what it was asked."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.path, json.loads(body) if body else None))
            status, answer = answers.get(path, (404, "not here"))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Digest qop="auth",algorithm=MD5,realm="monero-rpc",nonce="x"')
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prometheus_data(data: Any) -> tuple[int, Any]:
    return 200, {"status": "success", "data": data}


def test_an_instant_query_gives_a_sample_for_each_series() -> None:
    result = {"resultType": "vector", "result": [{"metric": {"job": "a"}, "value": [1795521600, "1.5"]}]}
    with answering({"/api/v1/query": prometheus_data(result)}) as (url, asked):
        samples = Prometheus(url).query("up", at=NOW)

    assert [(sample.labels, sample.value) for sample in samples] == [({"job": "a"}, 1.5)]
    assert "query=up" in asked[0][0]
    assert f"time={NOW.timestamp()}" in asked[0][0]


def test_one_value_is_asked_for_and_several_are_an_error() -> None:
    one = {"metric": {}, "value": [0, "2"]}
    two = prometheus_data({"resultType": "vector", "result": [one, one]})
    with answering({"/api/v1/query": two}) as (url, _), pytest.raises(QueryRefused, match="gives 2 series"):
        Prometheus(url).value("up")
    with answering({"/api/v1/query": prometheus_data({"resultType": "vector", "result": []})}) as (url, _):
        assert Prometheus(url).value("up") is None
    with answering({"/api/v1/query": prometheus_data({"resultType": "scalar", "result": [0, "7"]})}) as (url, _):
        assert Prometheus(url).value("scalar(x)") == 7


def test_a_query_that_is_refused_says_so() -> None:
    with (
        answering({"/api/v1/query": (400, {"status": "error", "error": "parse error"})}) as (url, _),
        pytest.raises(QueryRefused, match=r"Prometheus refuses up\{.*parse error"),
    ):
        Prometheus(url).query("up{")


def test_targets_rules_and_alerts_are_read() -> None:
    target = {
        "labels": {"job": "a", "instance": "h:1"},
        "health": "down",
        "scrapeUrl": "http://h:1/metrics",
        "lastError": "refused",
        "lastScrape": "2026-11-24T12:00:00.123456789Z",
        "lastScrapeDuration": 0.01,
    }
    rule = {
        "type": "alerting",
        "name": "X",
        "query": "up == 0",
        "duration": 60,
        "labels": {"severity": "critical"},
        "state": "firing",
    }
    alert = {"labels": {"alertname": "X"}, "state": "firing", "activeAt": "2026-11-24T12:00:00Z", "value": "1e+00"}
    answers = {
        "/api/v1/targets": prometheus_data({"activeTargets": [target]}),
        "/api/v1/rules": prometheus_data({"groups": [{"name": "g", "file": "f.yml", "rules": [rule]}]}),
        "/api/v1/alerts": prometheus_data({"alerts": [alert]}),
    }
    with answering(answers) as (url, _):
        prometheus = Prometheus(url)
        found = prometheus.targets()[0], prometheus.rules()[0], prometheus.alerts()[0]
        firing = prometheus.firing()

    assert (found[0].job, found[0].is_up, found[0].last_scrape) == ("a", False, moment("2026-11-24T12:00:00.123456Z"))
    assert (found[1].name, found[1].for_seconds, found[1].group) == ("X", 60, "g")
    assert (found[2].active_at, found[2].value) == (NOW, 1)
    assert firing == {"X"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("2026-11-24T12:00:00Z", NOW),
        ("2026-11-24T13:00:00.5+01:00", NOW + timedelta(milliseconds=500)),
        ("2026-11-24T12:00:00.000000001Z", NOW),
    ],
)
def test_times_as_go_writes_them(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_lines_come_oldest_first_with_their_labels() -> None:
    streams = [
        {"stream": {"service": "b"}, "values": [["2000000000", "second"]]},
        {"stream": {"service": "a"}, "values": [["1000000000", "first"], ["3000000000", "third"]]},
    ]
    with answering({"/loki/api/v1/query_range": (200, {"data": {"result": streams}})}) as (url, asked):
        lines = Loki(url).query_range('{service=~".+"}', start=NOW, end=NOW + timedelta(seconds=1))

    assert [line.text for line in lines] == ["first", "second", "third"]
    assert lines[1].labels == {"service": "b"}
    assert lines[0].at == datetime.fromtimestamp(1, UTC)
    assert f"start={int(NOW.timestamp())}000000000" in asked[0][0]


def test_a_log_query_that_is_refused_says_so() -> None:
    with answering({"/loki/api/v1/query_range": (400, "parse error")}) as (url, _), pytest.raises(LogQueryRefused):
        Loki(url).query_range("{")


def test_an_error_in_a_wallets_body_is_an_error_though_the_status_is_200() -> None:
    body = {"jsonrpc": "2.0", "error": {"code": -13, "message": "No wallet file"}}
    with answering({"/json_rpc": (200, body)}) as (url, _), pytest.raises(WalletError, match="No wallet file") as error:
        WalletRpc(url, user="u", password="p").height()

    assert error.value.code == -13


def test_a_wallets_balance_counts_outputs_by_subaddress() -> None:
    result = {
        "balance": 5,
        "unlocked_balance": 3,
        "per_subaddress": [{"num_unspent_outputs": 2}, {"num_unspent_outputs": 1}],
    }
    with answering({"/json_rpc": (200, {"result": result})}) as (url, asked):
        balance = WalletRpc(url, user="u", password="p").balance()

    assert (balance.total, balance.unlocked, balance.unspent_outputs) == (5, 3, 3)
    assert asked[0][1]["method"] == "get_balance"


def test_a_refused_login_is_not_taken_for_silence() -> None:
    with answering({"/json_rpc": (401, "no")}) as (url, asked), pytest.raises(LoginRefused):
        WalletRpc(url, user="u", password="wrong").height()

    assert len(asked) == 2  # the challenge, and one answer to it


def test_deliveries_are_read_with_their_arrival() -> None:
    alert = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-24T12:00:00Z", "endsAt": ""}
    entry = {"received_at": NOW.timestamp(), "status": "firing", "receiver": "r", "groupKey": "k", "alerts": [alert]}
    with answering({"/deliveries": (200, [entry])}) as (url, asked):
        receiver = Receiver(url)
        delivered = receiver.deliveries(NOW)
        named = receiver.alerts(NOW, name="A"), receiver.alerts(NOW, name="B")

    assert (delivered[0].received_at, delivered[0].alerts[0].name) == (NOW, "A")
    assert (len(named[0]), len(named[1])) == (1, 0)
    assert f"since={NOW.timestamp()}" in asked[0][0]


def test_a_posted_alert_ends_by_itself() -> None:
    with answering({"/api/v2/alerts": (200, "")}) as (url, asked):
        Alertmanager(url).post({"alertname": "Drill"}, lasting=timedelta(minutes=1))

    sent = asked[0][1][0]
    assert datetime.fromisoformat(sent["endsAt"]) - datetime.fromisoformat(sent["startsAt"]) == timedelta(minutes=1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: Prometheus(url).query("up"),
        lambda url: Alertmanager(url).alerts(),
        lambda url: Loki(url).labels(),
        lambda url: Receiver(url).deliveries(),
        lambda url: WalletRpc(url, user="u", password="p").height(),
    ],
)
def test_silence_is_an_open_question(ask: Any) -> None:
    with answering({}) as (url, _):
        pass  # the port is closed again: nobody answers there

    with pytest.raises(CannotTell, match="does not answer"):
        ask(url)


def test_something_that_is_not_json_is_an_open_question() -> None:
    with answering({"/api/v2/alerts": (200, "<html>")}) as (url, _), pytest.raises(CannotTell, match="not JSON"):
        Alertmanager(url).alerts()


def test_an_error_status_is_a_refusal_with_its_status() -> None:
    with answering({"/api/v2/alerts": (503, "later")}) as (url, _), pytest.raises(Refused) as refused:
        Alertmanager(url).alerts()

    assert refused.value.status == 503
