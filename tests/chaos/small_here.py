"""The small stack for tests on a real engine: skipped where there is none to be had, and a failure where it does not come up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaos.campaign.small import require, small_stack
from chaos.runner import close
from stack.errors import CannotTell
from stack.model import Stack


def engine_or_skip(project: str, *, root: bool = False) -> None:
    """Skip the test without an engine, the images or, where namespaces are looked into, the right to."""
    if root and os.geteuid():
        pytest.skip("looks into namespaces, which needs root")
    try:
        require(project)
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine with the stack's images: {reason}")


@contextmanager
def small_or_skip(project: str, *, root: bool = False) -> Iterator[Stack]:
    """The small stack, healthy; its runner is closed, and everything of it gone, afterwards."""
    engine_or_skip(project, root=root)
    with small_stack(project) as stack:
        yield stack
        close(stack)
