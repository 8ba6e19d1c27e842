"""The observability checks pass on truth and fail on each lie: a lost target, a lying exporter, a line that never arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from stack.clients.loki import Line
from stack.clients.prometheus import Target
from stack.clients.wallet import Balance
from stack.completed import Completed
from stack.errors import CannotTell
from stack.timescale import longest_round
from suites.check import Evidence
from suites.observability.shipping import ship
from suites.observability.test_exporter import test_exporter_tells_what_the_wallet_answers as the_exporter_check
from suites.observability.test_logs import mislabelled
from suites.observability.test_logs import test_a_line_is_found_with_its_labels as the_log_check
from suites.observability.test_targets import down, scraped, unscraped

# ── OBS-TGT-001 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def target(service: str, health: str = "up", host: str = "") -> Target:
    error = "" if health == "up" else "connection refused"
    return Target(
        service,
        f"{host or service}:1",
        {"service": service},
        health,
        f"http://{host or service}:1/metrics",
        error,
        None,
        0.0,
    )


def service(name: str) -> Any:
    return SimpleNamespace(name=name)


def test_targets_that_are_up_are_fine() -> None:
    assert down([target("a"), target("b")], frozenset()) == []


def test_a_target_that_is_down_is_named_with_its_error() -> None:
    assert down([target("a"), target("b", "down")], frozenset()) == ["b b:1 is down: connection refused"]


def test_a_target_of_a_service_left_out_by_name_does_not_count() -> None:
    assert down([target("grafana", "down")], frozenset({"grafana"})) == []


def test_a_service_with_metrics_that_nobody_scrapes_is_named() -> None:
    assert unscraped([target("a")], [service("a"), service("b")]) == [
        "b has metrics, and Prometheus has no target for it"
    ]


def test_a_target_is_known_by_its_host_too() -> None:
    assert unscraped([target("job", host="a")], [service("a")]) == []


def test_a_round_is_the_slowest_jobs_interval_and_timeout() -> None:
    config = "global: {scrape_interval: 15s, scrape_timeout: 10s}\nscrape_configs: [{job_name: a}, {job_name: b, scrape_interval: 1m, scrape_timeout: 4s}]"

    assert longest_round(config) == timedelta(seconds=64)
    assert longest_round("scrape_configs: [{job_name: a}]") == timedelta(seconds=70)


def test_a_target_that_was_not_scraped_yet_gets_its_chance() -> None:
    answers = [[target("a", "unknown")], [target("a")]]
    prometheus = SimpleNamespace(
        targets=lambda: answers[0] if len(answers) == 1 else answers.pop(0), config=lambda: "global: {}"
    )
    stack: Any = SimpleNamespace(prometheus=prometheus, excluded=frozenset())

    assert [one.health for one in scraped(stack)] == ["up"]


def test_a_target_that_stays_down_is_told_after_one_round() -> None:
    config = "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs: [{job_name: a}]"
    prometheus = SimpleNamespace(targets=lambda: [target("a", "down")], config=lambda: config)
    stack: Any = SimpleNamespace(prometheus=prometheus, excluded=frozenset())

    assert [one.health for one in scraped(stack)] == ["down"]


# ── OBS-EXP-001 ─────────────────────────────────────────────────────────────────────────────────────────────────────────

TRUTH = """\
# TYPE monero_wallet_balance_piconero gauge
monero_wallet_balance_piconero{wallet_name="buyer"} 4.221641503241413e+15
monero_wallet_balance_piconero{wallet_name="vendor"} 1
# TYPE monero_wallet_unlocked_balance_piconero gauge
monero_wallet_unlocked_balance_piconero{wallet_name="buyer"} 12
# TYPE monero_wallet_num_unspent_outputs gauge
monero_wallet_num_unspent_outputs{wallet_name="buyer"} 3
# TYPE monero_wallet_height gauge
monero_wallet_height{wallet_name="buyer"} 121
"""


@pytest.fixture
def exporter() -> Iterator[tuple[str, int, list[str]]]:
    text = [TRUTH]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text[0].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "127.0.0.1", server.server_port, text
    server.shutdown()
    server.server_close()
    thread.join()


def stack_with(address: tuple[str, int], balances: list[Balance]) -> Any:
    wallet = SimpleNamespace(balance=lambda: balances[0] if len(balances) == 1 else balances.pop(0), height=lambda: 121)
    return SimpleNamespace(
        wallet=lambda _name: wallet,
        url=lambda _endpoint: f"http://{address[0]}:{address[1]}/metrics",
        profile=SimpleNamespace(wallet_metrics=object()),
    )


BALANCE = Balance(total=4221641503241413, unlocked=12, unspent_outputs=3, multisig_import_needed=False)


def test_an_exporter_that_tells_the_truth_passes(exporter: tuple[str, int, list[str]]) -> None:
    the_exporter_check(stack_with(exporter[:2], [BALANCE]), "buyer", Evidence())


@pytest.mark.parametrize(
    ("old", "lie", "says"),
    [
        (
            "4.221641503241413e+15",
            "4.221641503241412e+15",
            "balance_piconero is 4221641503241412, the wallet says 4221641503241413",
        ),
        (
            'outputs{wallet_name="buyer"} 3',
            'outputs{wallet_name="buyer"} 0',
            "num_unspent_outputs is 0, the wallet says 3",
        ),
        ('height{wallet_name="buyer"} 121', 'height{wallet_name="vendor"} 121', "monero_wallet_height is missing"),
    ],
)
def test_an_exporter_that_lies_fails(exporter: tuple[str, int, list[str]], old: str, lie: str, says: str) -> None:
    exporter[2][0] = TRUTH.replace(old, lie)

    with pytest.raises(AssertionError, match=says):
        the_exporter_check(stack_with(exporter[:2], [BALANCE]), "buyer", Evidence())


def test_a_wallet_that_moved_meanwhile_is_asked_again(exporter: tuple[str, int, list[str]]) -> None:
    older = Balance(total=1, unlocked=1, unspent_outputs=1, multisig_import_needed=False)

    the_exporter_check(stack_with(exporter[:2], [older, BALANCE, BALANCE]), "buyer", Evidence())


# ── OBS-LOG-001 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Shipper:
    """Containers whose output goes to a store, but for those that are lost."""

    def __init__(self, lost: frozenset[str] = frozenset(), labels: dict[str, str] | None = None) -> None:
        self.lines: list[Line] = []
        self.lost = lost
        self.labels = labels or {}
        self.loki = SimpleNamespace(query_range=lambda _query, start: list(self.lines))
        self.project = "shop"
        self.profile = SimpleNamespace(objectives=SimpleNamespace(log_delay_seconds=0.5))

    def container(self, name: str) -> Any:
        """A container whose `tee` puts a line on its output."""
        if name == "gone":
            raise CannotTell("gone is not running")

        def execute(argv: list[str], *, stdin: bytes, timeout_seconds: float) -> Completed:
            labels = {
                "project": "shop",
                "service": name,
                "container": f"shop-{name}-1",
                "stream": "stdout",
                **self.labels,
            }
            if name not in self.lost:
                self.lines.append(Line(int(datetime.now(UTC).timestamp() * 1e9), stdin.decode().strip(), labels))
            return Completed(tuple(argv), 0, "", "", 0.0)

        return SimpleNamespace(exec=execute)


def judge(stack: Any, name: str, *others: str) -> None:
    lines = ship(stack, [name, *others], within=timedelta(seconds=0.5))
    the_log_check(stack, service(name), lines, Evidence())


def test_a_line_that_arrives_passes() -> None:
    judge(Shipper(), "nginx", "loki")


def test_a_line_that_is_lost_fails_for_its_service_only() -> None:
    shipper = Shipper(lost=frozenset({"nginx"}))

    judge(shipper, "loki", "nginx")
    with pytest.raises(AssertionError, match="nginx: a line it logged was not in the store 0.5 s later"):
        judge(shipper, "nginx", "loki")


def test_a_line_under_a_wrong_label_fails() -> None:
    with pytest.raises(AssertionError, match="nginx: label project is 'other', expected 'shop'"):
        judge(Shipper(labels={"project": "other"}), "nginx")


def test_a_service_that_cannot_be_made_to_log_is_inconclusive() -> None:
    with pytest.raises(CannotTell, match="gone: no line could be put on its output: gone is not running"):
        judge(Shipper(), "gone")


def test_missing_labels_are_named() -> None:
    assert mislabelled({"project": "p", "service": "s"}, project="p", service="s") == [
        "has no label container",
        "has no label stream",
    ]
