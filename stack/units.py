"""Sizes and durations as compose writes them: one spelling in, one number or one canonical text out."""

from __future__ import annotations

import math
import re

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)i?b?$", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NANO = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_NANO |= {"d": 24 * _NANO["h"], "w": 7 * 24 * _NANO["h"]}
_LONGEST = 2**63 - 1  # nanoseconds that Go's durations hold
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h|d|w))+$")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w)")


def size(text: str | float) -> int | None:
    """Bytes of `512m`, `1.5g`, `64kb` or a bare number (units are powers of 1024); None when it is no size."""
    if isinstance(text, int | float):
        return int(text) if math.isfinite(text) else None
    if text.strip() == "-1":
        return -1
    match = _SIZE.match(text.strip())
    amount = float(match.group(1)) * 1024 ** _POWERS[match.group(2).lower()] if match else math.inf
    return int(amount) if math.isfinite(amount) else None


def nanoseconds(text: str) -> int | None:
    """Nanoseconds of `1m30s`; None when it is no duration."""
    text = text.strip()
    if text == "0":
        return 0
    if not _DURATION.match(text):
        return None
    nano = sum(float(number) * _NANO[unit] for number, unit in _DURATION_PART.findall(text))
    return int(nano) if nano <= _LONGEST else None


def seconds(text: str | None) -> float | None:
    """Seconds of `1m30s`; None when there is none or it is no duration."""
    found = None if text is None else nanoseconds(text)
    return None if found is None else found / 1e9


def duration(nano: int) -> str:
    """The way Go prints a duration, which is the way compose renders one: `1m30s`, `500ms`, `24h0m0s`."""
    if nano == 0:
        return "0s"
    for unit in ("ns", "us", "ms"):
        if nano < _NANO[unit] * 1000:
            return f"{_decimal(nano / _NANO[unit])}{'µs' if unit == 'us' else unit}"
    hours, rest = divmod(nano, _NANO["h"])
    minutes, rest = divmod(rest, _NANO["m"])
    text = f"{_decimal(rest / _NANO['s'])}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _decimal(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")
