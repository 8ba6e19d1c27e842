"""Where each key of a TOML file stands, so that a mistake is reported with its line (tomllib keeps no positions)."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from stack.errors import UserError

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_LARGEST = 4 * 1024 * 1024  # bytes; a profile is a few kilobytes
_KEY_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list [...]",
    "list_type": "a list [...]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


class Problems:
    """Turns what is wrong with a TOML file into one sentence that starts with file and line."""

    def __init__(self, path: Path, text: str) -> None:
        """Remember where the keys of `text` stand."""
        self.path = path
        self._lines = key_lines(text)

    def line(self, loc: Loc) -> int:
        """The line of the deepest key of `loc` that stands in the file; 1 when none does."""
        for length in range(len(loc), 0, -1):
            if loc[:length] in self._lines:
                return self._lines[loc[:length]]
        return 1

    def sentence(self, loc: Loc, what: str) -> str:
        """`profile.toml:12: what`."""
        return f"{self.path}:{self.line(loc)}: {what}"

    def unknown(self, loc: Loc, kind: str, name: str, known: Iterable[str], otherwise: str = "") -> str:
        """The sentence for a name that does not exist, with the nearest one that does."""
        hint = nearest(name, known) or (f" ({otherwise})" if otherwise else "")
        return self.sentence(loc, f"unknown {kind} '{name}'{hint}")

    def validate(self, model: type[M], tree: dict[str, Any]) -> M:
        """Build the model, or raise UserError for the mistake that stands first in the file."""
        try:
            return model.model_validate(tree)
        except ValidationError as error:
            first = min(error.errors(), key=lambda found: self.line(tuple(found["loc"])))
            raise UserError(self._explain(model, dict(first))) from error

    def _explain(self, model: type[BaseModel], found: dict[str, Any]) -> str:
        loc: Loc = tuple(found["loc"])
        key = str(loc[-1]) if loc else ""
        kind = str(found["type"])
        if kind == "extra_forbidden":
            return self.unknown(loc, "key", key, _keys_at(model, loc[:-1]))
        dotted = ".".join(str(part) for part in loc) or "the file"
        if kind == "missing":
            return self.sentence(loc[:-1], f"'{dotted}' is missing")
        if kind in _KINDS:
            return self.sentence(loc, f"'{dotted}' must be {_KINDS[kind]}, not {_shown(found['input'])}")
        message = str(found["msg"]).removeprefix("Value error, ")
        return self.sentence(loc, f"'{dotted}' is {_shown(found['input'])}: {message[:1].lower()}{message[1:]}")


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the known name most like `name`; empty when none is like it."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""


def read_toml(path: Path) -> tuple[dict[str, Any], Problems]:
    """Read a TOML file and where its keys stand.

    Raises:
        UserError: it is missing, unreadable, too large, not UTF-8 or not TOML.

    """
    try:
        if path.stat().st_size > _LARGEST:
            message = f"{path}: larger than {_LARGEST // 1024 // 1024} MiB, which no profile is"
            raise UserError(message)
        text = path.read_text("utf-8")
        return tomllib.loads(text), Problems(path, text)
    except FileNotFoundError as error:
        message = f"{path}: no such file"
        raise UserError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise UserError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 text (byte {error.start})"
        raise UserError(message) from error
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = line.group(1) if line else "end"
        message = f"{path}:{number}: not valid TOML: {what[:1].lower()}{what[1:]}"
        raise UserError(message) from error


def key_lines(text: str) -> dict[Loc, int]:
    """The line of every table header and key of a valid TOML text, by its path; array tables are numbered."""
    lines: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    inside = ""  # the closing mark of a multi-line string, or "[" while a bracket is open
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside, depth = _still_inside(line, inside, depth)
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            double = stripped.startswith("[[")
            parts, _ = _key(stripped.lstrip("["))
            table = _numbered(parts, counts, new=double)
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
            continue
        parts, rest = _key(stripped)
        if not parts or not rest.startswith("="):
            continue
        for length in range(1, len(parts) + 1):
            lines.setdefault(table + parts[:length], number)
        inside, depth = _still_inside(rest[1:], "", 0)
    return lines


def _key(text: str) -> tuple[tuple[str, ...], str]:
    """The dotted key that `text` begins with, and what follows it."""
    parts: list[str] = []
    while match := _KEY_PART.match(text):
        parts.append(next(group for group in match.groups()[:3] if group is not None))
        text = text[match.end() :]
        if not match.group(4):
            break
    return tuple(parts), text.lstrip()


def _numbered(parts: tuple[str, ...], counts: dict[Loc, int], *, new: bool) -> Loc:
    """A header's path with the index of each array of tables it stands in."""
    path: Loc = ()
    for position, part in enumerate(parts, start=1):
        path = (*path, part)
        if position == len(parts) and new:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _still_inside(line: str, inside: str, depth: int) -> tuple[str, int]:
    """Follow strings and brackets through a line: what is still open at its end."""
    position = 0
    while position < len(line):
        if inside and inside != "[":
            end = line.find(inside, position)
            if end < 0:
                return inside, depth
            position, inside = end + len(inside), "[" if depth else ""
            continue
        character = line[position]
        if character == "#":
            break
        if character in "\"'":
            if line.startswith(character * 3, position):
                inside, position = character * 3, position + 3
                continue
            position = _string_end(line, position)
            continue
        depth += (character in "[{") - (character in "]}")
        position += 1
    if inside and inside != "[":
        return inside, depth
    return ("[" if depth > 0 else ""), max(depth, 0)


def _string_end(line: str, start: int) -> int:
    quote, position = line[start], start + 1
    while position < len(line) and line[position] != quote:
        position += 2 if line[position] == "\\" and quote == '"' else 1
    return position + 1


def _keys_at(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the table at `loc` may have."""
    current: Any = model
    for part in loc:
        fields = getattr(current, "model_fields", None)
        if fields is None:  # `current` is a mapping or list of tables, and `part` a name or index in it
            current = _table_of(current)
            continue
        annotation = next((f.annotation for n, f in fields.items() if part in (n, f.alias)), None)
        current = annotation if _is_collection(annotation) else _table_of(annotation)
    fields = getattr(current, "model_fields", None) or {}
    return {field.alias or name for name, field in fields.items()}


def _is_collection(annotation: Any) -> bool:
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return any(get_origin(option) in (dict, tuple, list) for option in options)


def _table_of(annotation: Any) -> Any:
    """The model inside `X`, `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _table_of(argument)) is not None), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
