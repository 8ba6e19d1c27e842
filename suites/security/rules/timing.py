"""Tells whether two series of times differ by what was asked and not by chance."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_SECONDS = 0.010
"""Below that the way to the server and the scheduler decide."""
LEAST_SHARE = 0.4
"""A password hash makes the known case several times as slow; whatever is closer together no single try can tell."""


def tells_apart(known: Sequence[float], unknown: Sequence[float]) -> str | None:
    """How the times tell a known name from an unknown one; None when they don't.

    The fastest of each is compared: load only ever makes a request slower, so the fastest is nearest to the work itself.
    And the series must stand apart: three of four quick ones before the first slow one, or else it was the machine.
    """
    first, second = min(known), min(unknown)
    slower, faster = max(first, second), min(first, second)
    if slower - faster < LEAST_SECONDS or (slower - faster) / slower < LEAST_SHARE:
        return None
    quick = sorted(known if first < second else unknown)
    if quick[(3 * len(quick) - 1) // 4] >= slower:
        return None
    return f"takes {first * 1000:.0f} ms for a known name and {second * 1000:.0f} ms for an unknown one, expected alike"
