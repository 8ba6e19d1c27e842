"""The exporter against servers that answer, refuse, talk nonsense, drip and hang."""

import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import generate_latest

from exporter import server
from exporter.collector import make_registry
from exporter.config import Config, Endpoint
from exporter.source import Source
from tests.exporter.conftest import BALANCE, PASSWORD, USER, FakeWallet

MakeWallet = Callable[..., FakeWallet]


def _endpoint(name: str, wallet: FakeWallet, password: str = PASSWORD) -> Endpoint:
    return Endpoint(name=name, url=wallet.url, username=USER, password=password)


@contextmanager
def _exporter(*wallets: Endpoint, daemon: Endpoint | None = None, timeout: float = 2.0) -> Iterator[Callable[[], str]]:
    registry, collector = make_registry(Config(wallets=wallets, daemon=daemon, timeout_seconds=timeout))
    try:
        yield lambda: generate_latest(registry).decode()
    finally:
        collector.close()


def _value(text: str, series: str) -> float | None:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else None


def test_values_are_what_the_wallet_said(make_wallet: MakeWallet) -> None:
    with _exporter(_endpoint("buyer", make_wallet())) as scrape:
        text = scrape()

    said = {
        name: _value(text, f'monero_wallet_{name}{{wallet_name="buyer"}}')
        for name in ("up", "balance_piconero", "unlocked_balance_piconero", "height", "num_unspent_outputs")
    }
    assert said == {
        "up": 1,
        "balance_piconero": 9_007_199_254_740_991,  # 2**53 - 1: exact in a float
        "unlocked_balance_piconero": 5,
        "height": 7,
        "num_unspent_outputs": 5,
    }


def test_a_wallet_without_outputs_has_none(make_wallet: MakeWallet) -> None:
    empty = {"get_balance": {"balance": 0, "unlocked_balance": 0}, "get_height": {"height": 1}}

    with _exporter(_endpoint("w", make_wallet(answers=empty))) as scrape:
        assert _value(scrape(), 'monero_wallet_num_unspent_outputs{wallet_name="w"}') == 0


def test_lag_is_the_chain_s_height_less_the_wallet_s(make_wallet: MakeWallet) -> None:
    daemon = make_wallet(answers={"get_block_count": {"count": 10}})

    with _exporter(_endpoint("w", make_wallet()), daemon=_endpoint("daemon", daemon)) as scrape:
        text = scrape()

    assert (_value(text, "monero_daemon_up"), _value(text, "monero_daemon_height")) == (1, 10)
    assert _value(text, 'monero_wallet_lag_blocks{wallet_name="w"}') == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"raw": b'{"error": {"code": -13, "message": "No wallet file"}}'},
        {"raw": b"not json"},
        {"raw": b"[]"},
        {"raw": b"null"},
        {"raw": b'{"result": null}'},
        {"raw": b""},
        {"raw": b"\xff" * 10},
        {"status": 500},
        {"status": 302},
        {"answers": {"get_balance": {**BALANCE, "balance": "12"}, "get_height": {"height": 1}}},
        {"answers": {"get_balance": {**BALANCE, "balance": -1}, "get_height": {"height": 1}}},
        {"answers": {"get_balance": {**BALANCE, "per_subaddress": 3}, "get_height": {"height": 1}}},
        {"answers": {"get_balance": {**BALANCE, "balance": 10**400}, "get_height": {"height": 1}}},
        {"answers": {"get_balance": {**BALANCE, "balance": 2**64}, "get_height": {"height": 1}}},
        {"answers": {"get_balance": BALANCE}},
        {"raw": b"[" * 200_000},
        {"challenge": 'Digest qop="auth"'},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_an_answer_that_is_none_means_down_and_no_values(make_wallet: MakeWallet, changes: dict[str, object]) -> None:
    with _exporter(_endpoint("bad", make_wallet(**changes)), _endpoint("good", make_wallet())) as scrape:
        text = scrape()

    assert _value(text, 'monero_wallet_up{wallet_name="bad"}') == 0
    assert _value(text, 'monero_wallet_up{wallet_name="good"}') == 1
    assert len(re.findall('wallet_name="bad"', text)) == 1


@pytest.mark.parametrize(
    "changes", [{"raw": b"[" * 200_000}, {"challenge": 'Digest qop="auth"'}], ids=["depth", "challenge"]
)
def test_a_call_that_ends_in_any_error_is_counted_as_one(make_wallet: MakeWallet, changes: dict[str, object]) -> None:
    with _exporter(_endpoint("w", make_wallet(**changes))) as scrape:
        text = scrape()

    assert _value(text, 'monero_wallet_rpc_calls_total{method="get_balance",status="error"}') == 1
    assert _value(text, 'monero_wallet_rpc_errors_total{method="get_balance"}') == 1


def test_a_wrong_password_is_down_and_counted_as_an_error(make_wallet: MakeWallet) -> None:
    with _exporter(_endpoint("w", make_wallet(), password="wrong")) as scrape:
        text = scrape()

    assert _value(text, 'monero_wallet_up{wallet_name="w"}') == 0
    assert _value(text, 'monero_wallet_rpc_calls_total{method="get_balance",status="error"}') == 1
    assert _value(text, 'monero_wallet_rpc_errors_total{method="get_balance"}') == 1


def test_a_wallet_that_dies_leaves_no_stale_value_and_comes_back(make_wallet: MakeWallet) -> None:
    wallet = make_wallet()
    with _exporter(_endpoint("w", wallet)) as scrape:
        assert _value(scrape(), 'monero_wallet_up{wallet_name="w"}') == 1
        wallet.status = 503
        dead = scrape()
        wallet.status = 200
        back = scrape()

    assert _value(dead, 'monero_wallet_up{wallet_name="w"}') == 0
    assert "monero_wallet_balance_piconero{" not in dead
    assert _value(back, 'monero_wallet_up{wallet_name="w"}') == 1


def test_a_call_counts_as_success_only_once_its_body_was_read(make_wallet: MakeWallet) -> None:
    with _exporter(_endpoint("w", make_wallet(drip_seconds=0.05)), timeout=0.3) as scrape:
        text = scrape()

    assert _value(text, 'monero_wallet_rpc_calls_total{method="get_balance",status="success"}') is None


def test_a_hung_wallet_costs_its_time_out_and_delays_nobody_s_values(make_wallet: MakeWallet) -> None:
    release, timeout = threading.Event(), 2.0
    hung = make_wallet(before_answer=lambda: release.wait(60))
    try:
        with _exporter(_endpoint("hung", hung), _endpoint("good", make_wallet()), timeout=timeout) as scrape:
            started = time.monotonic()
            text = scrape()
            seconds = time.monotonic() - started
    finally:
        release.set()

    # The wallet hangs thirty time-outs long; a busy machine may take a few, and a scrape that waited takes them all.
    assert 0.8 * timeout < seconds < 10 * timeout
    assert _value(text, 'monero_wallet_up{wallet_name="hung"}') == 0
    assert _value(text, 'monero_wallet_up{wallet_name="good"}') == 1


def test_two_scrapes_at_once_ask_a_wallet_once(make_wallet: MakeWallet, monkeypatch: pytest.MonkeyPatch) -> None:
    joined, release = threading.Semaphore(0), threading.Event()
    ask = Source.ask

    def asked(source: Source[Any], deadline: float) -> Any:
        question = ask(source, deadline)
        joined.release()
        return question

    monkeypatch.setattr(Source, "ask", asked)
    wallet = make_wallet(before_answer=lambda: release.wait(60))
    with _exporter(_endpoint("w", wallet), timeout=30) as scrape:
        texts: list[str] = []
        threads = [threading.Thread(target=lambda: texts.append(scrape())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert joined.acquire(timeout=30)  # both have put their question while the wallet still keeps its answer
        release.set()
        for thread in threads:
            thread.join()

    assert [_value(text, 'monero_wallet_up{wallet_name="w"}') for text in texts] == [1, 1]
    assert wallet.asked == ["get_balance", "get_height"]


def test_the_login_is_kept_between_scrapes(make_wallet: MakeWallet) -> None:
    wallet = make_wallet()
    with _exporter(_endpoint("w", wallet)) as scrape:
        for _ in range(3):
            scrape()

    assert (wallet.challenges, len(wallet.asked)) == (1, 6)


def test_fifty_wallets_are_asked_at_the_same_time(make_wallet: MakeWallet) -> None:
    together = threading.Barrier(50)  # nobody answers before all have been asked
    wallets = [make_wallet(before_answer=lambda: together.wait(30)) for _ in range(50)]
    with _exporter(*(_endpoint(f"w{n}", wallet) for n, wallet in enumerate(wallets)), timeout=30) as scrape:
        text = scrape()

    assert [_value(text, f'monero_wallet_up{{wallet_name="w{n}"}}') for n in range(50)] == [1] * 50


def test_no_label_or_error_tells_the_password(make_wallet: MakeWallet) -> None:
    endpoint = _endpoint("w", make_wallet(), password="wrong-but-secret")
    with _exporter(endpoint) as scrape:
        assert "wrong-but-secret" not in scrape() + repr(endpoint)


def test_http_serves_metrics_and_health_and_nothing_else(make_wallet: MakeWallet) -> None:
    config = Config(wallets=(_endpoint("w", make_wallet()),))
    registry, collector = make_registry(config)
    listener = server.make("127.0.0.1", 0, registry, 1)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{listener.server_port}"
    try:
        with urllib.request.urlopen(f"{base}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b"monero_exporter_build_info" in answer.read()
        with urllib.request.urlopen(f"{base}/health") as answer:
            assert answer.read() == b'{"wallets": 1, "up": 1}'
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{base}/")
        refused.value.close()
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
        collector.close()
