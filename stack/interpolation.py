"""Puts variables into a compose file's values by the Compose specification, and remembers which were asked for and found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stack.errors import UserError
from stack.located import Located, LocatedList, Tagged, Where

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_DEEPEST = 20  # defaults inside defaults; more is an attack on the reader


@dataclass(frozen=True)
class Variable:
    """One use of a variable in a compose file."""

    name: str
    where: Where | None
    is_set: bool
    has_fallback: bool  # `:-` or `-` gives a value, `:+` or `+` needs none

    @property
    def is_provided(self) -> bool:
        """Whether compose gets a value without inventing an empty one."""
        return self.is_set or self.has_fallback


class Interpolator:
    """Interpolates trees with one environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Use `env`; `used` collects what was asked for."""
        self.env = env
        self.used: list[Variable] = []

    def tree(self, value: Any, where: Where | None, path: str = "") -> Any:
        """The same tree with every text interpolated; keys stay as they are.

        Raises:
            UserError: a required variable is not set, or a `${` is not closed or names nothing.

        """
        if isinstance(value, Located):
            made = Located(where=value.where, at=dict(value.at))
            for key, item in value.items():
                made[key] = self.tree(item, value.at.get(key, where), f"{path}.{key}" if path else key)
            return made
        if isinstance(value, LocatedList):
            places = list(value.at) or [None] * len(value)
            items = (
                self.tree(v, w or where, f"{path}[{i}]") for i, (v, w) in enumerate(zip(value, places, strict=True))
            )
            return LocatedList(items, at=places)
        if isinstance(value, Tagged):
            return Tagged(value.tag, self.tree(value.value, where, path))
        return self.text(value, where, path) if isinstance(value, str) and "$" in value else value

    def text(self, text: str, where: Where | None, path: str = "", depth: int = 0) -> str:
        """One text interpolated."""
        if depth > _DEEPEST:
            raise _refused(where, path, "defaults are nested too deep")
        made: list[str] = []
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            made.append(text[position:dollar])
            after = text[dollar + 1 : dollar + 2]
            if after == "$":
                made.append("$")
                position = dollar + 2
            elif after == "{":
                end = _closing(text, dollar + 1)
                if end < 0:
                    raise _refused(where, path, f"'{_short(text[dollar:])}' has no closing brace")
                made.append(self._braced(text[dollar + 2 : end], where, path, depth))
                position = end + 1
            elif name := _NAME.match(text, dollar + 1):
                made.append(self._value(name.group(), where, fallback=False) or "")
                position = name.end()
            else:  # it begins nothing, and docker compose then takes it for itself: `$(date)`, `a$`
                made.append("$")
                position = dollar + 1
        made.append(text[position:])
        return "".join(made)

    def _braced(self, inside: str, where: Where | None, path: str, depth: int) -> str:
        name = _NAME.match(inside)
        rest = inside[name.end() :] if name else ""
        operator = _OPERATOR.match(rest)
        if name is None or (rest and operator is None):
            raise _refused(where, path, f"'${{{_short(inside)}}}' is no variable")
        how = operator.group() if operator else ""
        word = rest[len(how) :]
        value = self._value(name.group(), where, fallback=how[-1:] in ("-", "+"))
        present = bool(value) if how.startswith(":") else value is not None
        if how.endswith("-"):
            return value or "" if present else self.text(word, where, path, depth + 1)
        if how.endswith("+"):
            return self.text(word, where, path, depth + 1) if present else ""
        if how.endswith("?") and not present:
            said = self.text(word, where, path, depth + 1)
            raise _refused(
                where, path, f"the variable {name.group()} is required and not set{': ' + said if said else ''}"
            )
        return value or ""

    def _value(self, name: str, where: Where | None, *, fallback: bool) -> str | None:
        value = self.env.get(name)
        self.used.append(Variable(name, where, value is not None, fallback))
        return value


def _closing(text: str, opening: int) -> int:
    """The position of the brace that closes the one at `opening`; -1 when none does."""
    depth = 0
    for position in range(opening, len(text)):
        if text[position] == "{" and (position == opening or text[position - 1] == "$"):
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return -1


def _refused(where: Where | None, path: str, what: str) -> UserError:
    place = f"{where}: " if where else ""
    return UserError(f"{place}{path + ': ' if path else ''}{what}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
