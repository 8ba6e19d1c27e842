"""Read as much PromQL as two questions need: which selectors an expression has, and what stands on either side of a division.

promtool parses and tests rules, but tells nobody their parts. Whatever these few functions can't read, they leave alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

AGGREGATORS = frozenset(
    ["sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "quantile", "topk", "bottomk", "count_values"]
)
_GROUPING = frozenset(["by", "without", "on", "ignoring", "group_left", "group_right"])
_WORDS = _GROUPING | frozenset(["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end"])
_WITHOUT_LABELS = frozenset(["scalar", "vector", "time", "absent"])
_ENDS_OPERAND = frozenset(["+", "-", "*", "/", "%", "==", "!=", ">", "<", ">=", "<=", ",", "and", "or", "unless"])
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<token>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""
    r"""|[0-9.][0-9a-zA-Z.]*|[a-zA-Z_:][a-zA-Z0-9_:]*|=~|!~|==|!=|>=|<=|.)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"(": ")", "{": "}", "[": "]"}


@dataclass(frozen=True)
class Selector:
    """A metric and its matchers, each (label, operator, value)."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def tokens(expression: str) -> list[str]:
    """The expression's words, numbers, strings and signs, without blanks and comments."""
    return [match["token"] for match in _TOKEN.finditer(expression) if match["token"]]


def selectors(expression: str) -> list[Selector]:
    """Every vector selector of the expression, in order."""
    words = tokens(expression)
    found = []
    at = 0
    while at < len(words):
        word = words[at]
        after = words[at + 1] if at + 1 < len(words) else ""
        if word in _GROUPING and after == "(":
            at = _closing(words, at + 1)
        elif word == "[":
            at = _closing(words, at)
        elif word == "{":
            end = _closing(words, at)
            found.append(Selector("", _matchers(words[at + 1 : end])))
            at = end
        elif _is_name(word) and after == "{":
            end = _closing(words, at + 1)
            found.append(Selector(word, _matchers(words[at + 2 : end])))
            at = end
        elif _is_name(word) and after != "(" and not (word in AGGREGATORS and after in _GROUPING):
            found.append(Selector(word, ()))
        at += 1
    return found


def impossible(selector: Selector) -> str | None:
    """Why no series can ever match the selector; None when one could."""
    wanted: dict[str, str] = {}
    for label, operator, value in selector.matchers:
        if operator == "=" and wanted.setdefault(label, value) != value:
            return f"{label} can't be both {wanted[label]!r} and {value!r}"
    for label, operator, value in selector.matchers:
        if label not in wanted:
            continue
        try:
            matches = bool(re.fullmatch(value, wanted[label])) if "~" in operator else wanted[label] == value
        except re.error:  # another dialect than Python's: promtool judges it
            continue
        if matches == operator.startswith("!"):
            return f"{label} can't be {wanted[label]!r} and {operator}{value!r}"
    return None


def raw_ratios(expression: str) -> Iterator[str]:
    """Each division of the expression with a side whose labels nobody has summed away or said how to match."""
    words = tokens(expression)
    for at, word in enumerate(words):
        if word != "/" or (at + 1 < len(words) and words[at + 1] in ("on", "ignoring")):
            continue
        left, right = _before(words, at), _after(words, at)
        # A number on one side pairs with everything on the other.
        paired = all(selectors(" ".join(side)) for side in (left, right))
        if paired and not (_is_summed(left) and _is_summed(right)):
            yield f"{' '.join(left)} / {' '.join(right)}"


def _is_summed(operand: list[str]) -> bool:
    while operand and operand[0] == "(" and _closing(operand, 0) == len(operand) - 1:
        operand = operand[1:-1]
    return operand[0] in AGGREGATORS or operand[0] in _WITHOUT_LABELS


def _before(words: list[str], at: int) -> list[str]:
    depth, start = 0, at
    while start > 0:
        word = words[start - 1]
        depth += (word in _CLOSES.values()) - (word in _CLOSES)
        if depth < 0 or (depth == 0 and word in _ENDS_OPERAND):
            break
        start -= 1
    return words[start:at]


def _after(words: list[str], at: int) -> list[str]:
    depth, end = 0, at + 1
    while end < len(words):
        word = words[end]
        depth += (word in _CLOSES) - (word in _CLOSES.values())
        if depth < 0 or (depth == 0 and word in _ENDS_OPERAND):
            break
        end += 1
    return words[at + 1 : end]


def _closing(words: list[str], opening: int) -> int:
    depth = 0
    for at in range(opening, len(words)):
        depth += (words[at] in _CLOSES) - (words[at] in _CLOSES.values())
        if depth == 0:
            return at
    return len(words) - 1


def _matchers(inside: list[str]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for at in range(len(inside) - 2):
        label, operator, value = inside[at : at + 3]
        if operator in ("=", "!=", "=~", "!~") and value[:1] in "\"'`":
            found.append((label, operator, value[1:-1].replace("\\\\", "\\")))
    return tuple(found)


def _is_name(word: str) -> bool:
    return bool(re.match(r"[a-zA-Z_:]", word)) and word.lower() not in _WORDS
