"""Why: a message that stammers, or sends people to a program they have not got, is read once and never again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Evidence
from suites.security import images
from suites.security.rules import lint
from suites.security.test_compose_exposure import test_service_joins_only_the_networks_it_needs as joins
from suites.security.test_compose_exposure import test_service_publishes_only_what_the_edge_may as publishes


def stack_of(folder: Path, text: str) -> Stack:
    (folder / "compose.yaml").write_text(f"services:\n{text}")
    return Stack.load([folder / "compose.yaml"], env={})


def test_a_remedy_is_told_and_no_program_is_named() -> None:
    rules = lint.rules()

    assert rules
    assert all(
        rule.remedy.endswith(".") and len(rule.remedy) > 40 and "compose-lint" not in rule.remedy for rule in rules
    )


def test_a_service_is_named_once(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "  db: {image: i}\n")

    with pytest.raises(AssertionError, match=r"^db: on the default network"):
        joins(stack, stack.service("db"), Evidence())


def test_an_absent_image_is_said_once() -> None:
    def image(ref: str) -> dict[str, object]:
        raise CannotTell(f"inspecting image {ref}: No such image: {ref}:latest")

    stack = cast("Stack", SimpleNamespace(project="p", driver=SimpleNamespace(image=image)))
    images._engine.cache_clear()
    with pytest.raises(CannotTell, match=r"^the image own/thing is not on this engine$"):
        images._inspected.__wrapped__(_Hashable(stack), "own/thing")


class _Hashable:
    """A stand-in that can be a key of the cache."""

    def __init__(self, stack: Stack) -> None:
        self.driver = stack.driver


@pytest.mark.parametrize(
    ("text", "service", "says"),
    [
        ("  shop: {image: own/shop, ports: ['8080:8080']}\n", "shop", 'a profile says so: [stack] edge = "shop"'),
        ("  keeper: {image: own/keeper, ports: ['2181:2181']}\n", "keeper", "taken for application"),
        ("  db: {image: postgres, ports: ['5432:5432']}\n", "db", "taken for database: its image is postgres"),
    ],
)
def test_a_published_port_says_what_the_service_is_taken_for(
    text: str, service: str, says: str, tmp_path: Path
) -> None:
    stack = stack_of(tmp_path, text)

    with pytest.raises(AssertionError) as caught:
        publishes(stack, stack.service(service), Evidence())

    assert says in str(caught.value)
    assert service == "shop" or "[stack]" not in str(caught.value)


def test_wordpress_may_publish_its_web_port(tmp_path: Path) -> None:
    stack = stack_of(
        tmp_path, "  wordpress: {image: 'wordpress:latest', ports: ['8000:80']}\n  db: {image: 'mysql:8'}\n"
    )

    publishes(stack, stack.service("wordpress"), Evidence())
