"""What the exporter tells of each wallet when it is scraped, and how long a scrape of it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe

if TYPE_CHECKING:
    from stack.model import Stack

_METRIC = "monero_wallet_up"


def told_by_the_exporter(*, down: Sequence[str] = (), within_seconds: float, within: timedelta = timedelta(0)) -> Probe:
    """One scrape answers in time, tells exactly the wallets of `down` as down, and some wallet at all."""

    def complaint(stack: Stack) -> str | None:
        import requests
        from prometheus_client.parser import text_string_to_metric_families

        host, port = stack.published("monero-exporter", 9101)
        try:
            answer = requests.get(f"http://{host}:{port}/metrics", timeout=within_seconds)
        except requests.RequestException as error:
            return f"the exporter's numbers: {type(error).__name__}"
        told = {
            sample.labels["wallet_name"]: bool(sample.value)
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name == _METRIC
        }
        seen = sorted(name for name, up in told.items() if not up)
        if not told or seen != sorted(down):
            return f"the exporter tells {', '.join(seen) or 'no wallet'} down of {', '.join(sorted(told)) or 'none'}"
        return None

    which = f"{', '.join(down)} down and the others up" if down else "every wallet up"
    return Probe(f"the exporter tells {which}", complaint, within, timedelta(seconds=within_seconds))
