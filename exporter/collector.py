"""Collects at scrape: a value is as old as the question, and what could not be asked has no value at all."""

import platform
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, Metric, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from . import __version__
from .config import Config
from .rpc import RpcMetrics
from .source import Source, Wallet, answered, daemon_height, wallet_state


class MoneroCollector(Collector):
    """Asks every wallet and the daemon at the same time, each until one common deadline."""

    def __init__(self, config: Config, metrics: RpcMetrics) -> None:
        """Prepare a thread for each server."""
        self._timeout_seconds = config.timeout_seconds
        self._wallets = [Source(endpoint, wallet_state, metrics) for endpoint in config.wallets]
        self._daemon = Source(config.daemon, daemon_height, metrics) if config.daemon else None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Ask, wait, and yield what was answered."""
        started = time.monotonic()
        deadline = started + self._timeout_seconds
        open_questions = [(source.name, source.ask(deadline)) for source in self._wallets]
        daemon_question = self._daemon.ask(deadline) if self._daemon else None
        answers = {name: answered(question, deadline) for name, question in open_questions}
        height = answered(daemon_question, deadline) if daemon_question else None
        yield from _wallet_families(answers, height[0] if height else None)
        if self._daemon:
            up = GaugeMetricFamily("monero_daemon_up", "Whether the daemon answered.")
            up.add_metric([], float(height is not None))
            yield up
            if height:
                chain = GaugeMetricFamily("monero_daemon_height", "Height of the daemon's chain in blocks.")
                chain.add_metric([], height[0])
                yield chain
        whole = GaugeMetricFamily("monero_exporter_scrape_duration_seconds", "Time that asking everybody took.")
        whole.add_metric([], time.monotonic() - started)
        yield whole

    def close(self) -> None:
        """Let the threads go."""
        for source in self._wallets:
            source.close()
        if self._daemon:
            self._daemon.close()


def _wallet_families(
    answers: dict[str, tuple[Wallet, float] | None], chain_height: int | None
) -> Iterator[GaugeMetricFamily]:
    def family(name: str, text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"monero_wallet_{name}", text, labels=("wallet_name",))

    up = family("up", "Whether the wallet answered everything it was asked.")
    balance = family("balance_piconero", "Balance over all accounts in piconero (1e-12 XMR).")
    unlocked = family("unlocked_balance_piconero", "Balance that can be spent now, in piconero (1e-12 XMR).")
    height = family("height", "Block height up to which the wallet has scanned.")
    outputs = family("num_unspent_outputs", "Unspent outputs over all subaddresses.")
    lag = family("lag_blocks", "Blocks of the daemon's chain that the wallet has not scanned yet.")
    duration = family("scrape_duration_seconds", "Time that the wallet's answers took.")
    for name, answer in answers.items():
        up.add_metric([name], float(answer is not None))
        if answer is None:  # no value is better than an old one
            continue
        wallet, seconds = answer
        balance.add_metric([name], wallet.balance)
        unlocked.add_metric([name], wallet.unlocked)
        height.add_metric([name], wallet.height)
        outputs.add_metric([name], wallet.unspent_outputs)
        duration.add_metric([name], seconds)
        if chain_height is not None:
            lag.add_metric([name], max(0, chain_height - wallet.height))
    yield from (up, balance, unlocked, height, outputs, duration)
    if chain_height is not None:
        yield lag


def make_registry(config: Config) -> tuple[CollectorRegistry, MoneroCollector]:
    """Make a registry with everything that is exported; nothing of the process-wide default one is in it."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, for nothing
    registry = CollectorRegistry()
    counted = CollectorRegistry()  # the counters come after the collector, so that they include the present scrape
    metrics = RpcMetrics(counted)
    collector = MoneroCollector(config, metrics)
    registry.register(collector)
    registry.register(_Counted(counted))
    Gauge(
        "monero_exporter_build_info",
        "Version of the exporter and its Python.",
        ("version", "python"),
        registry=registry,
    ).labels(__version__, platform.python_version()).set(1)
    return registry, collector


class _Counted(Collector):
    """Shows the instruments of another registry in this one, at this place of the order."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield the other registry's families."""
        yield from self._registry.collect()
