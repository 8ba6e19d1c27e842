"""What a load run saw: exact counts, latency histograms and the generator's own health, mergeable over workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hdrh.histogram import HdrHistogram

LOWEST_US, HIGHEST_US, DIGITS = 1, 120_000_000, 3  # 1 µs … 2 min to three digits: 0.1 % at every size


def new_histogram() -> HdrHistogram:
    """A histogram of microseconds; all of ours have the same bounds, so that they merge exactly."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


@dataclass
class Second:
    """One second of the run, by intended start."""

    requests: int = 0
    errors: int = 0
    slowest_ms: float = 0.0


@dataclass
class Record:
    """Everything measured after the warm-up."""

    latency: HdrHistogram = field(default_factory=new_histogram)
    """From the intended start to the last byte, answers and errors alike."""
    by_endpoint: dict[str, HdrHistogram] = field(default_factory=dict)
    service_time: HdrHistogram = field(default_factory=new_histogram)
    """From the actual start to the last byte: what is left when all lateness of the generator's schedule is forgiven."""
    schedule_lag: HdrHistogram = field(default_factory=new_histogram)
    """From the intended start to the actual one: the generator's own lateness."""
    loop_lag: HdrHistogram = field(default_factory=new_histogram)
    """How late the event loop woke a sleeper."""
    errors: Counter[str] = field(default_factory=Counter)
    """By what was seen: `order: 503`, `browse: ConnectionRefusedError`."""
    by_second: dict[int, Second] = field(default_factory=dict)
    dropped: int = 0
    """Arrivals that were never started, since too many were under way."""
    intended: int = 0
    """Arrivals the schedule held up to the end of the run."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def requests(self) -> int:
        """Requests that were answered or failed."""
        return int(self.latency.get_total_count())

    @property
    def failed(self) -> int:
        """Requests that failed in any way."""
        return sum(self.errors.values())

    @property
    def error_rate(self) -> float:
        """Share of requests that failed; of nothing it is 0."""
        return self.failed / self.requests if self.requests else 0.0

    def answered(self, endpoint: str, *, intended: float, lag: float, latency: float, error: str | None) -> None:
        """Note one request; times in seconds, `intended` from the begin of what is measured."""
        micro = round(latency * 1e6)
        self.latency.record_value(_bounded(micro))
        self.by_endpoint.setdefault(endpoint, new_histogram()).record_value(_bounded(micro))
        self.schedule_lag.record_value(_bounded(round(lag * 1e6)))
        self.service_time.record_value(_bounded(round((latency - lag) * 1e6)))
        second = self.by_second.setdefault(int(intended), Second())
        second.requests += 1
        second.slowest_ms = max(second.slowest_ms, latency * 1e3)
        if error is not None:
            self.errors[f"{endpoint}: {error}"] += 1
            second.errors += 1

    def woke(self, late_seconds: float) -> None:
        """Note how late the event loop was."""
        self.loop_lag.record_value(_bounded(round(late_seconds * 1e6)))

    def percentile_ms(self, percent: float) -> float:
        """The latency that `percent` of the requests did not exceed, in milliseconds."""
        return float(self.latency.get_value_at_percentile(percent)) / 1e3

    def merge(self, other: Record) -> None:
        """Add another worker's record of the same run."""
        for name in ("latency", "service_time", "schedule_lag", "loop_lag"):
            getattr(self, name).add(getattr(other, name))
        for endpoint, histogram in other.by_endpoint.items():
            self.by_endpoint.setdefault(endpoint, new_histogram()).add(histogram)
        self.errors.update(other.errors)
        for number, seen in other.by_second.items():
            mine_then = self.by_second.setdefault(number, Second())
            mine_then.requests += seen.requests
            mine_then.errors += seen.errors
            mine_then.slowest_ms = max(mine_then.slowest_ms, seen.slowest_ms)
        self.dropped += other.dropped
        self.intended += other.intended
        self.seconds = max(self.seconds, other.seconds)
        # the busiest worker decides whether the generator was the bottleneck
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)

    def as_json(self) -> dict[str, Any]:
        """All of it, histograms in HdrHistogram's own encoding."""
        return {
            "latency": _encoded(self.latency),
            "by_endpoint": {name: _encoded(each) for name, each in sorted(self.by_endpoint.items())},
            "service_time": _encoded(self.service_time),
            "schedule_lag": _encoded(self.schedule_lag),
            "loop_lag": _encoded(self.loop_lag),
            "errors": dict(self.errors),
            "by_second": {str(n): vars(second) for n, second in sorted(self.by_second.items())},
            "dropped": self.dropped,
            "intended": self.intended,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """What `as_json` gave, again."""
        return cls(
            latency=_decoded(facts["latency"]),
            by_endpoint={name: _decoded(each) for name, each in facts["by_endpoint"].items()},
            service_time=_decoded(facts["service_time"]),
            schedule_lag=_decoded(facts["schedule_lag"]),
            loop_lag=_decoded(facts["loop_lag"]),
            errors=Counter(facts["errors"]),
            by_second={int(n): Second(**second) for n, second in facts["by_second"].items()},
            dropped=facts["dropped"],
            intended=facts["intended"],
            seconds=facts["seconds"],
            cpu_seconds=facts["cpu_seconds"],
        )


def outages(by_second: Mapping[int, Second]) -> list[tuple[int, int]]:
    """Stretches of seconds in which every request failed, as (first, last)."""
    bad = sorted(n for n, second in by_second.items() if second.requests and second.errors == second.requests)
    return list(_runs(bad))


def _runs(numbers: Iterable[int]) -> Iterable[tuple[int, int]]:
    first: int | None = None
    last = -1
    for number in numbers:
        if first is not None and number != last + 1:
            yield first, last
            first = None
        first = number if first is None else first
        last = number
    if first is not None:
        yield first, last


def _bounded(micro: int) -> int:
    return min(max(micro, LOWEST_US), HIGHEST_US)


def _encoded(histogram: HdrHistogram) -> str:
    text: bytes = histogram.encode()
    return text.decode("ascii")


def _decoded(text: str) -> HdrHistogram:
    return HdrHistogram.decode(text.encode("ascii"))
