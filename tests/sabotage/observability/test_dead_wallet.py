"""OBS-EXP-002 and -003 find each lie that a running exporter can tell of a dead wallet, and nothing wrong with the shipped one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.runner import Runner
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually
from suites.check import Evidence
from suites.observability.dying import UP, gauges
from suites.observability.exposition import of_wallets
from suites.observability.test_dead_wallet import test_a_dead_wallet_is_reported_down as the_check
from suites.observability.test_metric_names import test_metrics_pass_the_linter as the_lint

HERE = Path(__file__).parent
SHIPPED = HERE.parents[2] / "exporter"
IMAGES = ("python", "monero-exporter", "prometheus")
WALLETS = ("one", "two", "three")
SEED = 3
"""With it the wallet that is asked first dies, paused or stopped, so that who asks one after the other delays the others."""

Change = tuple[str, str, str]
"""A file of the exporter, what stands there, and what stands there instead."""


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Three wallets, and the exporter with the changes asked for."""
    running: list[Stack] = []

    def with_(*changes: Change) -> Stack:
        folder = tmp_path_factory.mktemp("exporter", numbered=True) / "exporter"
        shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name, old, new in changes:
            text = (folder / name).read_text()
            assert text.count(old) == 1, f"{name} has no single {old!r} to break"
            (folder / name).write_text(text.replace(old, new))
        for above in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
            above.chmod(above.stat().st_mode | 0o055)  # the exporter's user reads it
        env = {"SABOTAGE_EXPORTER": str(folder)}
        stack = Stack.load([HERE / "wallets.yaml"], profile=HERE / "wallets" / "profile.toml", env=env)
        try:
            driver = Driver.connect(stack.project, stack.compose_files, env=env)
            for image in IMAGES:
                driver.image(f"seatrial/{image}:local")
        except CannotTell as reason:
            pytest.skip(f"needs a Docker engine and built images: {reason}")
        driver.compose("up", "--detach", "--pull", "never")
        running[:] = [stack]
        eventually(
            lambda: _is_steady(stack), within=timedelta(seconds=60), every=timedelta(milliseconds=250), what="steady"
        )
        return stack

    yield with_
    for stack in running:
        stack.driver.compose("down", "--volumes", "--timeout", "0")
        Runner.of(stack).close()


def _is_steady(stack: Stack) -> bool:
    told = of_wallets(stack)
    return all(gauges(told, name).get(UP) == 1 for name in WALLETS) and stack.prometheus.is_ready()


def judge(stack: Stack, death: str) -> None:
    the_check(stack, death, SEED, Evidence())


@pytest.mark.parametrize("death", ["paused", "stopped"])
def test_the_shipped_exporter_passes(exporting: Callable[..., Stack], death: str) -> None:
    judge(exporting(), death)


LIES: dict[str, tuple[tuple[Change, ...], str]] = {
    "the last value stays": (
        (
            (
                "collector.py",
                "        if answer is None:  # no value is better than an old one\n",
                "        answer = _LAST[name] = answer or _LAST.get(name)\n        if answer is None:\n",
            ),
            ("collector.py", "def make_registry", "_LAST: dict = {}\n\n\ndef make_registry"),
        ),
        "still has values of when it lived: monero_wallet_balance_piconero, ",
    ),
    "all are always up": (
        (("collector.py", "up.add_metric([name], float(answer is not None))", "up.add_metric([name], 1.0)"),),
        f"{UP} is 1, expected 0",
    ),
    "the dead are not spoken of": (
        (
            (
                "collector.py",
                "up.add_metric([name], float(answer is not None))",
                "up.add_metric([name], 1.0) if answer else None",
            ),
        ),
        f"{UP} is missing, expected 0",
    ),
    "one after the other": (
        (
            ("source.py", "self._thread = ThreadPoolExecutor(1, ", "self._thread = _ONE or ThreadPoolExecutor(1, "),
            ("source.py", "class Source(", "_ONE = ThreadPoolExecutor(1)\n\n\nclass Source("),
        ),
        "it suffers from the death of",
    ),
    "more patience than the metrics store": (
        (("config.py", 'timeout_seconds=_number(document, "timeout_seconds", 3.0, 0.05, 60, str(path))', "timeout_seconds=5.0"),),
        "the scrape took 5.* s, expected less than 4 s",
    ),
    "success before the body is read": (
        (
            ("rpc.py", "            result = self._result(", '            self._metrics.calls.labels(method, "success").inc()\n            result = self._result('),
            ("rpc.py", '        self._metrics.calls.labels(method, "success").inc()\n        return result', "        return result"),
        ),
        "get_balance: .* calls were made, and monero_wallet_rpc_calls_total counts ",
    ),
    "errors are nobody's business": (
        (("rpc.py", "            self._metrics.errors.labels(method).inc()\n", ""),),
        "monero_wallet_rpc_errors_total did not grow",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_an_exporter_that_lies_of_the_dead_is_found(exporting: Callable[..., Stack], lie: str) -> None:
    changes, says = LIES[lie]

    with pytest.raises(AssertionError, match=says):
        judge(exporting(*changes), "paused")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("collector.py", 'family("scrape_duration_seconds"', 'family("scrape_duration_milliseconds"'),
            'use base unit "seconds" instead of "milliseconds"',
        ),
        (("collector.py", '"Time that the wallet', '"" and "Time that the wallet'), "no help text"),
    ],
    ids=["unit", "help"],
)
def test_names_that_break_the_rules_are_found(exporting: Callable[..., Stack], change: Change, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        the_lint(exporting(change), "exporter", Evidence())


def test_the_shipped_names_pass(exporting: Callable[..., Stack]) -> None:
    the_lint(exporting(), "exporter", Evidence())
