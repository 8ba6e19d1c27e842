"""Judges a release by what became of it while customers used it: it lives, it answers, few errors, few slow answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

FAILED_IN_A_ROW = 2
"""One wrong answer may be the network's; two in a row are the release's."""
FEWEST = 20
"""So many requests tell a share; fewer tell only what they were."""


@dataclass(frozen=True)
class Limits:
    """What a release may do while it is watched."""

    errors: float = 0.01
    """Largest share of answers with a status of 500 or above; 503 is a polite refusal and none. Ten times the objective (0.1 %):
    the span is short, and a thousandth of few requests is none."""
    slow: float = 0.05
    """Largest share of answers slower than `slow_seconds`."""
    slow_seconds: float = 1.0
    """A bucket's bound: twice the objective of p99, for a program that has just started."""


@dataclass(frozen=True)
class Traffic:
    """A release's own counters since it started."""

    requests: float
    errors: float
    slow: float


@dataclass(frozen=True)
class Reading:
    """One look at a colour that serves."""

    incarnation: str
    """Which start of which container this is."""
    status: str
    """The engine's word."""
    edge: str | None
    """What was wrong with the answer through the edge; None when nothing was."""
    traffic: Traffic | None
    """None when it did not tell."""


def judge(readings: Sequence[Reading], limits: Limits) -> str | None:
    """What is wrong with the release, in words; None while nothing is. Needs at least one reading, the oldest first."""
    first, last = readings[0], readings[-1]
    if last.status != "running":
        return f"it is {last.status}"
    if last.incarnation != first.incarnation:
        return "it crashed and was started anew"
    latest = [one.edge for one in readings[-FAILED_IN_A_ROW:]]
    if len(latest) == FAILED_IN_A_ROW and all(latest):
        return f"customers got {latest[-1]}"
    if first.traffic is None or last.traffic is None:
        return None
    requests = last.traffic.requests - first.traffic.requests
    errors = last.traffic.errors - first.traffic.errors
    slow = last.traffic.slow - first.traffic.slow
    if errors > max(1.0, limits.errors * requests):
        return f"{errors:.0f} of {requests:.0f} requests ended with an error"
    if requests >= FEWEST and slow > limits.slow * requests:
        return f"{slow:.0f} of {requests:.0f} requests took more than {limits.slow_seconds:g} s"
    return None


def traffic_of(metrics: str, limits: Limits) -> Traffic:
    """The counters in a release's metrics, in Prometheus' text format."""
    from prometheus_client.parser import text_string_to_metric_families

    requests = errors = slow = 0.0
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == "http_requests_total":
                requests += sample.value
                errors += sample.value if _is_error(sample.labels.get("status", "")) else 0.0
            elif sample.name == "http_request_duration_seconds_count":
                slow += sample.value
            elif sample.name == "http_request_duration_seconds_bucket" and _bound(sample.labels) == limits.slow_seconds:
                slow -= sample.value
    return Traffic(requests, errors, slow)


def _is_error(status: str) -> bool:
    return status.isdigit() and int(status) >= 500 and status != "503"


def _bound(labels: dict[str, str]) -> float:
    try:
        return float(labels.get("le", "inf"))
    except ValueError:
        return inf
