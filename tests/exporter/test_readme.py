"""The README's table of metrics is the exporter's own output: a name, its labels and its type are what dashboards are built on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.collector import make_registry
from exporter.config import Config, Endpoint
from tests.exporter.conftest import PASSWORD, USER, FakeWallet

_ROOT = Path(__file__).resolve().parents[2]


def _documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Name → type and labels, as the README has them."""
    found = {}
    page = (_ROOT / "exporter/README.md").read_text(encoding="utf-8").partition("## Metrics")[2]
    for names, kind in re.findall(r"^\| (`monero.+?) \| (\w+) \|", page, re.MULTILINE):
        for name, labels in re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", names):
            found[name.removesuffix("_total")] = (kind, frozenset(filter(None, labels.split(","))))
    return found


def test_every_metric_is_documented_and_nothing_else(make_wallet: Callable[..., FakeWallet]) -> None:
    wallet, refusing = make_wallet(), make_wallet(status=503)
    daemon = make_wallet(answers={"get_block_count": {"count": 10}})
    endpoints = tuple(
        Endpoint(name=name, url=one.url, username=USER, password=PASSWORD)
        for name, one in (("good", wallet), ("bad", refusing), ("daemon", daemon))
    )
    registry, collector = make_registry(Config(wallets=endpoints[:2], daemon=endpoints[2]))
    try:
        generate_latest(registry)  # counters come into being with what they count
        text = generate_latest(registry).decode()
    finally:
        collector.close()
    shown = {
        family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels if label != "le"),
        )
        for family in text_string_to_metric_families(text)
    }

    assert shown == _documented()
