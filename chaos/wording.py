"""A bound in words, so that a hypothesis says the number that is held against it and no other."""

from __future__ import annotations

from datetime import timedelta

_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def spoken(duration: timedelta) -> str:
    """`200 ms`, `a second`, `three seconds`, `30 seconds`. Raises ValueError for less than a millisecond."""
    thousandths = round(duration.total_seconds() * 1000)
    if thousandths < 1:
        raise ValueError(f"{duration} is too short to be a bound")
    if thousandths % 1000:
        return f"{thousandths} ms"
    seconds = thousandths // 1000
    return "a second" if seconds == 1 else f"{_WORDS.get(seconds, seconds)} seconds"
