"""Whether a panel's unit is that of what it asks for, by Prometheus' naming: base units are suffixes, counters end in _total."""

from __future__ import annotations

from suites.alerts.promql import selectors

_PER_SECOND = frozenset({"ops", "reqps", "cps", "rps", "wps", "iops"})
_SECONDS, _BYTES = "_seconds", "_bytes"


def wrong_unit(unit: str, query: str) -> str | None:
    """Why `unit` can't be that of the query's values; None when it can, or when nothing is known of the unit."""
    is_rate = "rate(" in query.replace("irate(", "rate(").replace("increase(", "")
    is_quantile = "histogram_quantile(" in query
    is_ratio = "/" in query
    measured = {_measure(selector.metric) for selector in selectors(query)}
    if unit == "s" and not (_SECONDS in measured or "time()" in query):
        return "is shown in seconds, and no metric of it is in seconds"
    if unit == "bytes" and (_BYTES not in measured or is_rate):
        return "is shown in bytes, which it is not"
    if unit in ("Bps", "binBps") and not (_BYTES in measured and is_rate):
        return "is shown in bytes per second, which it is not"
    if unit in _PER_SECOND and not is_rate:
        return f"is shown per second ({unit}), and is no rate"
    if unit in ("percentunit", "percent") and not (is_ratio or (is_rate and _SECONDS in measured)):
        return "is shown as a share, and is none"
    if not unit and not is_ratio and not (is_rate and not is_quantile) and measured & {_SECONDS, _BYTES}:
        return f"is in {'seconds' if _SECONDS in measured else 'bytes'}, and is shown without a unit"
    return None


def _measure(metric: str) -> str:
    """The base unit in a metric's name; a histogram's count counts, and its buckets and sum measure."""
    if metric.endswith("_count"):
        return ""
    stem = metric.removesuffix("_total").removesuffix("_bucket").removesuffix("_sum")
    return next((suffix for suffix in (_SECONDS, _BYTES) if stem.endswith(suffix)), "")
