"""Why: a service built from what can't be read here was judged by nobody, and must not count as if it had been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stack.errors import CannotTell
from stack.model import Service, Stack
from suites.check import Evidence, NotApplicable
from suites.security import test_compose_images as checks

FILE = """services:
  app: {image: own/app, build: %s}
  fine: {build: ./fine}
"""


def stack_of(folder: Path, build: str) -> Stack:
    (folder / "fine").mkdir()
    (folder / "fine" / "Dockerfile").write_text("FROM scratch\n")
    (folder / "compose.yaml").write_text(FILE % build)
    return Stack.load([folder / "compose.yaml"])


BOTH = [checks.test_image_is_pinned, checks.test_dockerfile_fetches_nothing_unverified]


@pytest.mark.parametrize("judge", BOTH)
@pytest.mark.parametrize(
    "build", ["./nope", "https://example.com/a/b.git", "git@example.com:a/b.git", "{context: ./fine, dockerfile: none}"]
)
def test_what_can_not_be_read_is_not_passed(
    judge: Callable[[Stack, Service, Evidence], None], build: str, tmp_path: Path
) -> None:
    stack = stack_of(tmp_path, build)
    evidence = Evidence()

    with pytest.raises(CannotTell, match="app is built from .* can't be read here"):
        judge(stack, stack.service("app"), evidence)
    judge(stack, stack.service("fine"), Evidence())


def test_what_is_pulled_has_no_dockerfile_to_judge(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {db: {image: 'postgres:16'}}\n")
    stack = Stack.load([tmp_path / "compose.yaml"])

    with pytest.raises(NotApplicable):
        checks.test_dockerfile_fetches_nothing_unverified(stack, stack.service("db"), Evidence())


def test_arguments_of_the_build_are_put_in(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "{context: ./arg, args: {BASE: 'nginx:latest'}}")
    (tmp_path / "arg").mkdir()
    (tmp_path / "arg" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")

    with pytest.raises(AssertionError, match="nginx:latest is latest"):
        checks.test_image_is_pinned(stack, stack.service("app"), Evidence())
