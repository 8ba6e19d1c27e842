"""Holds a server's own latency histogram against what its clients measured in the same seconds, as finely as its buckets allow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

    from stack.profile import ApplicationMetrics
    from suites.observability.exposition import Exposition

PERCENTILES = (50, 95)
"""The 99th is left out: between the two clocks lie the edge and the operating system's queues, and it is made of these."""


@dataclass(frozen=True)
class Timed:
    """Requests by how long the server says they took: `counts[i]` of them within `bounds[i]` seconds and over the bound before."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.counts)

    def bucket_of(self, percent: float) -> int:
        """The index of the bucket that this percentile is in. Raises ValueError without a request."""
        wanted, seen = self.total * percent / 100, 0.0
        for index, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return index
        raise ValueError("there is no percentile of nothing")

    @classmethod
    def between(
        cls, before: Sequence[Exposition], after: Sequence[Exposition], names: ApplicationMetrics, *, but: Iterable[str]
    ) -> Self:
        """What was counted between two looks at the same processes, in all routes except those of `but`."""
        left_out = frozenset(but)
        grown = _cumulative(after, names, left_out)
        for bound, count in _cumulative(before, names, left_out).items():
            grown[bound] = grown.get(bound, 0.0) - count
        bounds = sorted(grown)
        totals = [grown[bound] for bound in bounds]
        return cls(tuple(bounds), tuple(now - past for now, past in zip(totals, [0.0, *totals], strict=False)))


def _cumulative(
    scrapes: Sequence[Exposition], names: ApplicationMetrics, left_out: frozenset[str]
) -> dict[float, float]:
    found: dict[float, float] = {}
    for scrape in scrapes:
        for labels, value in scrape.samples(f"{names.duration}_bucket").items():
            said: Mapping[str, str] = dict(labels)
            if said.get(names.route_label) not in left_out:
                bound = float(said.get("le", "inf"))
                found[bound] = found.get(bound, 0.0) + value
    return found


def uncounted(server: Timed, *, answered: int, failed: int, slack: float) -> str | None:
    """A sentence where the server counted another number of requests than its clients made; None where it agrees.

    A failed request may or may not have reached it. `slack` is how many may fall on the edges of the window.
    """
    fewest, most = answered - failed - slack, answered + slack
    if fewest <= server.total <= most:
        return None
    return f"its histogram has {server.total:.0f} requests, its clients made {answered} ({failed} of them failed)"


def apart(server: Timed, client: HdrHistogram, percent: float, *, allowed_seconds: float) -> str | None:
    """A sentence where the percentile is not the same by both clocks; None where it is, as far as buckets can tell.

    `client` is in microseconds, from the request's start to its last byte. The server can't have taken longer than its client
    waited; the client may have waited `allowed_seconds` longer, or up to the end of the next bucket.
    """
    index = server.bucket_of(percent)
    low = server.bounds[index - 1] if index else 0.0
    high = server.bounds[index]
    following = server.bounds[index + 1] if index + 1 < len(server.bounds) else math.inf
    waited = client.get_value_at_percentile(percent) / 1e6
    if low <= waited <= max(following if math.isfinite(following) else high, high + allowed_seconds):
        return None
    between = f"between {low * 1e3:g} and {high * 1e3:g} ms" if math.isfinite(high) else f"over {low * 1e3:g} ms"
    return f"p{percent:g} is {between} by its histogram, and {waited * 1e3:.3g} ms by its clients"
