"""One check over many things: parameters that come from the stack, where "nothing there" is said and never skipped.

Why this exists: ``@pytest.mark.parametrize`` over an empty list makes a check disappear without a word. Here an empty
list becomes one NOT_APPLICABLE with the author's reason, and a list that can't be obtained one INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from stack.errors import CannotTell


@dataclass(frozen=True)
class Over:
    """What ``over`` was told: the argument's name, the things or how to find them, and what an absence means."""

    name: str
    items: Iterable[Any] | Callable[[Any], Iterable[Any]]
    reason: str
    ids: Callable[[Any], str] | Sequence[str] | None


def over(
    name: str,
    items: Iterable[Any] | Callable[[Any], Iterable[Any]],
    *,
    reason: str,
    ids: Callable[[Any], str] | Sequence[str] | None = None,
) -> pytest.MarkDecorator:
    """Run the decorated check once for each of ``items``, handed in as the argument ``name``.

    ``items`` is an iterable or a function of the declared stack (``over("port", lambda stack: …)``); it is evaluated
    when tests are collected, without an engine. Several names (``"service, port"``) take tuples; ``pytest.param`` is
    understood. ``reason`` is what NOT_APPLICABLE says when there is nothing. ``ids`` names each item in the report; by
    default its ``name``, else its text. Stack two ``over`` for every combination.
    """
    return pytest.mark.over(Over(name, items, reason, ids))


def every_service(level_is_declared: bool) -> Over:
    """What a bare ``service`` argument means: every service that is part of this run.

    An idle service (the colour that waits for a deployment) is declared and not running, so only declared checks take
    it.
    """

    def services(stack: Any) -> Iterable[Any]:
        return [service for service in stack.services if level_is_declared or not service.idle]

    return Over("service", services, "the stack has no services", None)


def parameters(asked: Over, stack_of: Callable[[], Any]) -> list[Any]:
    """The parameter sets ``asked`` stands for: never empty, because an absence is a parameter set of its own.

    ``stack_of`` is called only if the items depend on the stack; errors other than CannotTell are the author's and pass
    through.
    """
    names = [part.strip() for part in asked.name.split(",") if part.strip()]
    try:
        found = list(asked.items(stack_of()) if callable(asked.items) else asked.items)
    except CannotTell as error:
        return [_instead(names, "cannot-tell", pytest.mark.cannot_tell(str(error)))]
    if not found:
        return [_instead(names, "nothing", pytest.mark.nothing_to_check(asked.reason))]
    return [_parameter(item, index, names, asked.ids) for index, item in enumerate(found)]


def _instead(names: list[str], name: str, mark: pytest.MarkDecorator) -> Any:
    return pytest.param(*[None] * len(names), id=name, marks=mark)


def _parameter(item: Any, index: int, names: list[str], ids: Callable[[Any], str] | Sequence[str] | None) -> Any:
    given = hasattr(item, "values") and hasattr(item, "marks")  # a pytest.param
    values = tuple(item.values) if given else (item if len(names) > 1 else (item,))
    if given and item.id is not None:
        name = item.id
    elif callable(ids):
        name = ids(item.values[0] if given and len(names) == 1 else values if len(names) > 1 else values[0])
    elif ids is not None:
        name = ids[index]
    else:
        name = "-".join(_name(value, index) for value in values)
    return pytest.param(*values, id=name, marks=item.marks if given else ())


def _name(value: Any, index: int) -> str:
    own = getattr(value, "name", value)
    return str(own) if isinstance(own, str | int | float | bool) else f"{type(value).__name__}{index}"
