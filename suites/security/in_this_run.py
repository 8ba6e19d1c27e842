"""Tells whether another check is part of this run, so that one cause becomes one finding and none is lost."""

from __future__ import annotations

import pytest


def is_asked_for(request: pytest.FixtureRequest, check: str) -> bool:
    """Whether some test of this session stands for the check."""
    return any(mark.args[0].id == check for item in request.session.items for mark in item.iter_markers("check"))
