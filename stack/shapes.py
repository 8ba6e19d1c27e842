"""The shapes a compose value may be written in (scalars, mappings, lists, sizes, durations), each turned into one."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from stack import units
from stack.located import Located, LocatedList, Tagged

_LONGEST_PATH, _LONGEST_NAME = 4095, 255
"""Characters: Linux's PATH_MAX and NAME_MAX (include/uapi/linux/limits.h)."""


class Malformed(Exception):
    """A value whose shape its key does not take."""


def mapping(value: Any, *, texts: bool = True) -> Located:
    """A mapping of a mapping or of a list of `KEY=value`; values become texts, a bare key is None."""
    if isinstance(value, Mapping):
        made = Located(where=getattr(value, "where", None), at=dict(getattr(value, "at", {})))
        made.update({str(key): _text_under_tag(item) if texts else item for key, item in value.items()})
        return made
    if isinstance(value, list):
        made = Located()
        for index, item in enumerate(value):
            key, equals, rest = scalar(item).partition("=")
            made[key] = rest if equals else None
            place = value.at[index] if isinstance(value, LocatedList) and index < len(value.at) else None
            if place:
                made.at[key] = place
        return made
    message = "must be a mapping or a list of NAME=value"
    raise Malformed(message)


def _text_under_tag(item: Any) -> Any:
    if not isinstance(item, Tagged):
        return text(item)
    return item if item.tag == "!reset" else Tagged(item.tag, text(item.value))


def labels(value: Any) -> Located:
    """A mapping of labels: one without a value has the empty text."""
    made = mapping(value)
    made.update({key: "" for key, item in made.items() if item is None})
    return made


def text(value: Any) -> str | None:
    """A scalar as compose writes it into a text: booleans in small letters."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return _number_text(value) if isinstance(value, float) else str(value)
    message = "must hold texts and numbers only"
    raise Malformed(message)


def scalar(value: Any) -> str:
    """A scalar that must be there."""
    found = text(value)
    if found is None:
        message = "must not be empty"
        raise Malformed(message)
    return found


def texts(value: Any) -> LocatedList:
    """A list of texts, of one text or of a list."""
    if isinstance(value, list):
        return LocatedList([scalar(item) for item in value], at=list(getattr(value, "at", [])))
    return LocatedList([scalar(value)])


def words(value: Any) -> LocatedList | None:
    """A command's words; a text is split as a shell would, and an empty one stands for "none"."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return LocatedList(shlex.split(value))
        except ValueError as error:
            message = f"has a quote that is never closed ({error})"
            raise Malformed(message) from error
    return texts(value)


def duration(value: Any) -> str:
    """A duration in canonical spelling."""
    nano = units.nanoseconds(scalar(value))
    if nano is None:
        message = f"is no duration such as 30s: {value!r}"
        raise Malformed(message)
    return units.duration(nano)


def size(value: Any) -> str:
    """A size in bytes, as text."""
    found = None if value is None or isinstance(value, dict | list) else units.size(value)
    if found is None:
        message = f"is no size such as 64m: {value!r}"
        raise Malformed(message)
    return str(found)


def integer(value: Any) -> int:
    """A whole number, also when interpolation made it a text."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"is no whole number: {value!r}"
        raise Malformed(message) from error


def number(value: Any) -> float:
    """A number, also when it is written as a text."""
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        message = f"is no number: {value!r}"
        raise Malformed(message) from error
    if not math.isfinite(found):
        message = f"is no number that ends: {value!r}"
        raise Malformed(message)
    return found


def boolean(value: Any) -> bool:
    """A boolean, also in the words that compose takes in quotes or from a variable."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "yes": True, "y": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "n": False, "off": False, "0": False}
    try:
        return known[str(value).lower()]
    except KeyError as error:
        message = f"must be true or false, not {value!r}"
        raise Malformed(message) from error


def path(written: str, folder: Path) -> str:
    """An absolute path; relative ones start from `folder`, absolute ones stay as they are written."""
    if "\0" in written or len(written) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in written.split("/")):
        message = f"can be no path: {written[:60]!r}{' …' if len(written) > 60 else ''}"
        raise Malformed(message)
    if written.startswith("~"):  # whoever's name follows, compose takes our own home
        written = os.path.expanduser("~") + written[1:]
    return written if written.startswith("/") else os.path.normpath(folder / written)


def record(value: Any) -> Located:
    if not isinstance(value, Mapping):
        message = "must be a mapping"
        raise Malformed(message)
    return Located(value, where=getattr(value, "where", None), at=dict(getattr(value, "at", {})))


def items(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, list):
        message = "must be a list"
        raise Malformed(message)
    places = list(getattr(value, "at", [])) or [None] * len(value)
    return list(zip(value, places, strict=True))


def files(value: Any) -> LocatedList:
    """Secrets or configs as source and target."""
    made = LocatedList()
    for item, place in items(value):
        entry = record(item) if isinstance(item, Mapping) else Located({"source": scalar(item)})
        made.append(entry)
        made.at.append(place)
    return made


def extra_hosts(value: Any) -> LocatedList:
    """A list of `host=address`."""
    if isinstance(value, Mapping):
        pairs = (
            (name, item) for name, given in value.items() for item in (given if isinstance(given, list) else [given])
        )
        return LocatedList([f"{name}={scalar(item)}" for name, item in pairs])
    made = texts(value)
    for index, item in enumerate(made):
        name, separator, address = item.partition("=") if "=" in item else item.partition(":")
        if not separator:
            message = f"must hold NAME=address, not {item!r}"
            raise Malformed(message)
        made[index] = f"{name}={address.strip('[]')}"
    return made


def convert(made: Located, key: str, how: Callable[[Any], Any]) -> None:
    """Turn the value of one key, in place, also under compose's own `!override`; nothing where there is none."""
    value = made.get(key)
    if isinstance(value, Tagged):
        made[key] = Tagged(value.tag, how(value.value)) if value.tag == "!override" else value
    elif value is not None:
        made[key] = how(value)


_FIRST_EXPONENT = 6


def _number_text(value: float) -> str:
    """As Go prints a number: with as few digits as tell it, and with an exponent from a million on (strconv, format 'g')."""
    if not math.isfinite(value):
        message = "must hold numbers that are finite"
        raise Malformed(message)
    sign, digits, power = Decimal(repr(value)).normalize().as_tuple()
    exponent = len(digits) + int(power) - 1
    if -5 < exponent < _FIRST_EXPONENT or value == 0:
        return f"{Decimal(repr(value)).normalize():f}"
    written = "".join(map(str, digits))
    mantissa = written[0] + ("." + written[1:] if len(written) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
