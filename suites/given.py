"""Refuses options that were given and say nothing: what `--attach "$UNSET"` meant is not the default, and nobody knows what it was."""

from __future__ import annotations

import pytest


def refuse_empty(config: pytest.Config, *names: str) -> None:
    """Refuse any of these options whose value is empty, or nothing but commas. Raises pytest.UsageError."""
    for name in names:
        given = config.getoption(name)
        values = given if isinstance(given, list) else [given]
        if any(value is not None and not str(value).strip(" ,") for value in values):
            raise pytest.UsageError(f"--{name.replace('_', '-')}: its value is empty; give one, or leave the option out")
