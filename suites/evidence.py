"""Hands every check an empty notebook, and keeps it where the reports find it.

Why this exists: a check that can't show what it saw asks to be believed.
"""

from __future__ import annotations

import pytest

from suites.notes import Evidence

EVIDENCE = pytest.StashKey[Evidence]()


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """An empty notebook for the running check; what it holds goes into the results beside the outcome."""
    return request.node.stash.setdefault(EVIDENCE, Evidence())  # type: ignore[no-any-return]
