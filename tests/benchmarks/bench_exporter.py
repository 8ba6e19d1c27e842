"""What a scrape of the exporter costs: of real wallets, of many simulated ones, and of one that hangs; and its memory."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stack.model import Stack
from tests.benchmarks.figure import NotMeasured, figure
from tests.benchmarks.small_stack import small_stack

_WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))
_SCRAPES = 200
_TIME_OUT = 0.5
_ANSWERS = {
    "get_balance": {"balance": 1, "unlocked_balance": 1, "per_subaddress": [{"num_unspent_outputs": 1}]},
    "get_height": {"height": 1},
}


class _Wallet(http.server.BaseHTTPRequestHandler):
    """A wallet RPC that answers at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer a call."""
        method = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["method"]
        body = json.dumps({"result": _ANSWERS[method]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@figure("Exporter: scrape of three real wallets, p99 beyond the slowest wallet's answers", unit="ms", at_most=10.0)
def three_real_wallets() -> Sequence[float]:
    """Over HTTP from its container, 200 scrapes a run: the whole time less what the slowest of the wallets took to answer."""
    with small_stack("monerod", *_WALLETS, "monero-exporter") as stack:
        return [_p99_beyond(_url(stack)) for _ in range(3)]


@figure("Exporter: resident memory after 200 scrapes of three real wallets", unit="MB", at_most=40.0)
def resident_memory() -> Sequence[float]:
    """Of all processes in its container, as the kernel counts it."""
    with small_stack("monerod", *_WALLETS, "monero-exporter") as stack:
        url = _url(stack)
        for _ in range(_SCRAPES):
            _scraped(url)
        table = stack.driver.top(stack.container("monero-exporter").id)
        return [sum(_resident(int(row[table["Titles"].index("PID")])) for row in table["Processes"])]


@figure("Exporter: scrape of 50 wallets (simulated RPC servers)", unit="ms", at_most=150.0)
def fifty_wallets() -> Sequence[float]:
    """From the question to the whole text, connections kept; the simulated wallets share the exporter's process and core."""
    with _quick() as url, _exporter(*[url] * 50) as registry:
        generate_latest(registry)
        return _milliseconds(registry, answering=50, scrapes=10)


@figure("Exporter: what a hung wallet costs beyond its time-out, beside three that answer", unit="ms", at_most=20.0)
def hung_wallet() -> Sequence[float]:
    """It takes connections and never answers; the time-out of a scrape is 0.5 s."""
    with socket.create_server(("127.0.0.1", 0)) as hung, _quick() as url:
        silent = f"http://127.0.0.1:{hung.getsockname()[1]}"
        seen = []
        for _ in range(5):
            # Each with an exporter of its own: the next scrape would join the question that is about to be given up.
            with _exporter(silent, url, url, url, timeout_seconds=_TIME_OUT) as registry:
                seen += [one - _TIME_OUT * 1000 for one in _milliseconds(registry, answering=3, scrapes=1)]
        return seen


@contextlib.contextmanager
def _quick() -> Iterator[str]:
    """The URL of simulated wallets that answer at once."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Wallet)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@contextlib.contextmanager
def _exporter(*urls: str, timeout_seconds: float = 3.0) -> Iterator[CollectorRegistry]:
    from exporter.collector import make_registry
    from exporter.config import Config, Endpoint

    wallets = tuple(Endpoint(name=f"w{number}", url=url) for number, url in enumerate(urls))
    registry, collector = make_registry(Config(wallets=wallets, timeout_seconds=timeout_seconds))
    try:
        yield registry
    finally:
        collector.close()


def _milliseconds(registry: CollectorRegistry, *, answering: int, scrapes: int) -> list[float]:
    """How long scrapes take. Raises NotMeasured when other wallets answer than should."""
    seen = []
    for _ in range(scrapes):
        began = time.perf_counter()
        text = generate_latest(registry)
        seen.append((time.perf_counter() - began) * 1000)
        if (answered := text.count(b"monero_wallet_balance_piconero{")) != answering:
            raise NotMeasured(f"{answered} wallets answered where {answering} should")
    return seen


def _url(stack: Stack) -> str:
    ports = stack.container("monero-exporter").attrs["NetworkSettings"]["Ports"]
    return f"http://127.0.0.1:{ports['9101/tcp'][0]['HostPort']}/metrics"


def _resident(pid: int) -> float:
    """Megabytes of a process. Raises NotMeasured when it is not to be seen from here."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError as error:
        raise NotMeasured("the engine's processes are not this machine's") from error
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024 / 1e6


def _scraped(url: str) -> tuple[float, float]:
    """The seconds of a whole scrape, and those that the slowest wallet's answers took. Raises NotMeasured for one that is down."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(
        where.hostname or "", where.port, timeout=10
    )  # the client's own cost is counted too
    began = time.perf_counter()
    connection.request("GET", where.path)
    text = connection.getresponse().read().decode()
    took = time.perf_counter() - began
    connection.close()
    shown = {
        (sample.name, sample.labels.get("wallet_name")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    answers = [value for (name, _), value in shown.items() if name == "monero_wallet_scrape_duration_seconds"]
    if len(answers) != len(_WALLETS):
        raise NotMeasured(f"{len(answers)} of {len(_WALLETS)} wallets answered")
    return took, max(answers)


def _p99_beyond(url: str) -> float:
    _scraped(url)
    beyond = sorted(took - slowest for took, slowest in (_scraped(url) for _ in range(_SCRAPES)))
    return beyond[math.ceil(0.99 * len(beyond)) - 1] * 1000
