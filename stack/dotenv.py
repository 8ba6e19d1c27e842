"""Reads environment files (`.env`, `env_file:`) the way compose does, so that the declared environment is the real one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from stack.errors import UserError
from stack.interpolation import Interpolator
from stack.located import Located, Where, read_text

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]*)\s*(?:[=:]\s?(.*))?$", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}


def read_env_file(path: Path, env: Mapping[str, str], *, raw: bool = False) -> Located:
    """The variables a file sets, each with its line. Values may use `env` and what stands above them; a bare name passes `env`'s value on.

    Raises:
        UserError: the file is missing or a line of it is not a setting, with file and line.

    """
    lines = read_text(path, "env file").splitlines()
    found = Located()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            message = f"{path}:{number}: not a setting like NAME=value"
            raise UserError(message)
        name, text = match.group(1), match.group(2)
        where = Where(path, number)
        found.at[name] = where
        if text is None:
            if name in env:
                found[name] = env[name]
            continue
        if raw:
            found[name] = text
            continue
        quote = text.strip()[:1]
        if quote in ("'", '"'):
            text = text.strip()[1:]
            while (end := _quote_end(text, quote)) < 0:
                if number >= len(lines):
                    message = f"{where}: the quote is never closed"
                    raise UserError(message)
                text += "\n" + lines[number]
                number += 1
            inside = text[:end]
            if quote == "'":
                found[name] = inside
                continue
            text = re.sub(
                r"\\(.)", lambda m: _ESCAPES.get(m.group(1), "$$" if m.group(1) == "$" else m.group()), inside
            )
        else:
            text = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
        # Its own earlier lines come second: what the outside sets wins, as in compose.
        found[name] = Interpolator({**found, **env}).text(text, where, name)
    return found


def _quote_end(text: str, quote: str) -> int:
    position = 0
    while position < len(text):
        if text[position] == "\\" and quote == '"':
            position += 2
            continue
        if text[position] == quote:
            return position
        position += 1
    return -1
