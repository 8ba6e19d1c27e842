"""Where the time of a run goes, measured by whoever spends it.

Why this exists: a readiness run that takes minutes must say on what. Bring-up and tear-down happen in fixtures, areas
in tests; both are noted here and shown by the reports, without either knowing the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PHASES = pytest.StashKey[dict[str, float]]()


@contextmanager
def phase(config: pytest.Config, name: str) -> Iterator[None]:
    """Add the seconds spent inside to the phase ``name`` of this run, also when the inside fails."""
    begun = time.monotonic()
    try:
        yield
    finally:
        spend(config, name, time.monotonic() - begun)


def spend(config: pytest.Config, name: str, seconds: float) -> None:
    """Add ``seconds`` to the phase ``name``; phases keep the order in which they first appeared."""
    phases = config.stash.setdefault(PHASES, {})
    phases[name] = phases.get(name, 0.0) + seconds
