"""A fake stack, and no runner that outlives its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.runner import Runner
from tests.chaos.fake_stack import FakeStack


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeStack]:
    stack = FakeStack(tmp_path)
    yield stack
    from chaos.runner import _open

    for runner in list(_open.values()):
        assert isinstance(runner, Runner)
        runner.close()
