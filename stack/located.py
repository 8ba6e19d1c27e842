"""YAML that remembers where each key stands, so that a finding names file and line; bounded against hostile input."""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stack.errors import UserError

LARGEST_FILE = 8 * 1024 * 1024  # bytes: a 200-service compose file has about 0.2 MB
LARGEST_TREE = 500_000  # values once every alias is written out: what a YAML bomb multiplies
DEEPEST = 200
MOST_DOCUMENTS = 100

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """A loader that resolves no plain scalar: `22:22` is not a number in base 60 and `no` no boolean (compose is YAML 1.2)."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base class wants exactly this


@dataclass(frozen=True, order=True)
class Where:
    """A line of a file, counted from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        """`compose.yaml:12`, as editors and terminals understand it."""
        return f"{self.file}:{self.line}"


class Located(dict[str, Any]):
    """A mapping that knows where each key stands."""

    __slots__ = ("at", "where")

    def __init__(self, *args: Any, where: Where | None = None, at: dict[str, Where] | None = None) -> None:
        """A mapping that begins at `where`, with the keys' places in `at`."""
        super().__init__(*args)
        self.where = where
        self.at: dict[str, Where] = at if at is not None else {}


class LocatedList(list[Any]):
    """A list that knows where each item stands."""

    __slots__ = ("at",)

    def __init__(self, *args: Any, at: list[Where | None] | None = None) -> None:
        """A list whose items stand at `at`."""
        super().__init__(*args)
        self.at: list[Where | None] = at if at is not None else []


@dataclass(frozen=True)
class Tagged:
    """A value under compose's own tags: `!reset` (take away what was merged) or `!override` (replace it)."""

    tag: str
    value: Any


def where_of(tree: Any, *path: str | int) -> Where | None:
    """Where the deepest key of `path` that is in the tree stands."""
    found: Where | None = None
    current = tree
    for part in path:
        if isinstance(current, Located) and part in current:
            found = current.at.get(str(part), found)
            current = current[str(part)]
        elif isinstance(current, LocatedList) and isinstance(part, int) and part < len(current):
            found = (current.at[part] if part < len(current.at) else None) or found
            current = current[part]
        elif isinstance(current, Mapping) and part in current:
            current = current[part]
        else:
            break
    return found


def read_text(path: Path, what: str = "compose file") -> str:
    """Read a text file of a bounded size.

    Raises:
        UserError: it is missing, a folder, unreadable, larger than `LARGEST_FILE` or not UTF-8.

    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a device or a pipe may never end, or never begin
            message = f"{path}: is {'a folder' if stat.S_ISDIR(found.st_mode) else 'no regular file'}, not {_a(what)}"
            raise UserError(message)
        size = found.st_size
        if size > LARGEST_FILE:
            message = f"{path}: {size / 1e6:.0f} MB is too large for a {what} (at most {LARGEST_FILE // 2**20} MiB)"
            raise UserError(message)
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        message = f"{path}: no such {what}"
        raise UserError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: not a text file in UTF-8 (byte {error.start})"
        raise UserError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise UserError(message) from error


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def read_yaml(path: Path) -> list[Any]:
    """Read every document of a YAML file as plain values in located containers.

    Raises:
        UserError: with file and line, for anything that is not sound and bounded YAML.

    """
    text = read_text(path)
    try:
        _refuse_depth(path, text)
        nodes = list(yaml.compose_all(text, Loader=_PlainLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        message = f"{path}:{line}: not valid YAML: {error.problem or error.context}"
        raise UserError(message) from error
    except yaml.YAMLError as error:
        message = f"{path}: not valid YAML: {' '.join(str(error).split())}"
        raise UserError(message) from error
    if len(nodes) > MOST_DOCUMENTS:
        message = f"{path}: holds more than {MOST_DOCUMENTS} documents"
        raise UserError(message)
    builder = _Builder(path)
    return [builder.build(node) for node in nodes if node is not None]


def _refuse_depth(path: Path, text: str) -> None:
    """Refuse what is nested too deep before nodes are made of it: that recurses in C, and ends the interpreter (seen at 100,000)."""
    depth = 0
    for event in yaml.parse(text, Loader=_PlainLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                message = f"{path}:{line}: nested deeper than {DEEPEST} levels"
                raise UserError(message)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Makes values of nodes, having first counted what they would unfold to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sizes: dict[int, int] = {}
        self._under_way: set[int] = set()
        self._built: dict[int, Any] = {}

    def build(self, root: yaml.Node) -> Any:
        self._measure(root, 0)
        return self._value(root)

    def _error(self, node: yaml.Node, what: str) -> UserError:
        return UserError(f"{self._path}:{node.start_mark.line + 1}: {what}")

    def _where(self, node: yaml.Node) -> Where:
        return Where(self._path, node.start_mark.line + 1)

    def _measure(self, node: yaml.Node, depth: int) -> int:
        """The number of values `node` unfolds to; aliases count each time, though they are walked once."""
        key = id(node)
        if key in self._sizes:
            return self._sizes[key]
        if key in self._under_way:
            raise self._error(node, "an anchor contains itself")
        if depth > DEEPEST:
            raise self._error(node, f"nested deeper than {DEEPEST} levels")
        self._under_way.add(key)
        total = 1
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                total += self._measure(name, depth + 1) + self._measure(value, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                total += self._measure(value, depth + 1)
        if total > LARGEST_TREE:
            raise self._error(node, f"unfolds to more than {LARGEST_TREE} values (too many aliases)")
        self._under_way.discard(key)
        self._sizes[key] = total
        return total

    def _value(self, node: yaml.Node) -> Any:
        if id(node) not in self._built:
            self._built[id(node)] = self._tagged(node)
        return self._built[id(node)]

    def _tagged(self, node: yaml.Node) -> Any:
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            value = LocatedList((self._value(n) for n in node.value), at=[self._where(n) for n in node.value])
        else:
            value = _scalar(node)
        return Tagged(node.tag, value) if node.tag in ("!reset", "!override") else value

    def _mapping(self, node: yaml.MappingNode) -> Located:
        own = Located(where=self._where(node))
        merged: list[yaml.Node] = []
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise self._error(name, "a key must be a text")
            if name.value == "<<" and not name.style:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            if name.value in own:
                first = own.at[name.value]
                raise self._error(name, f"the key '{name.value}' stands twice (first in line {first.line})")
            own[name.value] = self._value(value)
            own.at[name.value] = self._where(name)
        if not merged:
            return own
        whole = Located(where=own.where)
        for source in reversed(merged):  # of several, the first wins (YAML merge key)
            base = self._value(source)
            if not isinstance(base, Located):
                raise self._error(source, "only a mapping can be merged with '<<'")
            whole.update(base)
            whole.at.update(base.at)
        whole.update(own)
        whole.at.update(own.at)
        return whole


_LONGEST_INTEGER = 20
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)$")
_OCTAL = re.compile(r"([-+]?)0o?([0-7_]+)$")
_BINARY = re.compile(r"[-+]?0b[01_]+$")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})Z?)?$")
_CONSTANTS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NOT_FINITE = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}


def _scalar(node: yaml.Node) -> Any:
    """What a scalar means to compose's YAML library: quoted text stays text, plain text by the rules of YAML 1.2."""
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and node.style:
        return text
    return plain_value(text)


def plain_value(text: str) -> Any:
    """The value of an unquoted YAML scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    if not text[0].isdigit() and text[0] not in "+-.":
        return text
    if _INTEGER.match(text):
        digits = text.replace("_", "")
        return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)  # as Go, whose numbers end at 64 bits
    if octal := _OCTAL.match(text):
        return int(octal.group(1) + octal.group(2).replace("_", ""), 8)
    if _BINARY.match(text):
        return int(text.replace("_", ""), 2)
    if _HEXADECIMAL.match(text):
        return int(text.replace("_", ""), 16)
    if _FLOAT.match(text):
        return float(text)
    if date := _DATE.match(text):
        return f"{date.group(1)} {date.group(2) or '00:00:00'} +0000 UTC"  # to compose's YAML library a date is a time, and this is how Go prints it
    return text
