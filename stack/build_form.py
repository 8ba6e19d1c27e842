"""Turns what compose says about a service's image, how it is built and what is watched, into the long form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stack.located import Located, LocatedList
from stack.shapes import convert, extra_hosts, files, items, mapping, path, record, scalar, size


def build(value: Any, folder: Path) -> Located:
    """A build as a mapping with an absolute context."""
    made = Located({"context": value}) if isinstance(value, str) else record(value)
    if "dockerfile_inline" not in made:
        made.setdefault("dockerfile", "Dockerfile")
    convert(made, "context", lambda written: context(scalar(written), folder))
    for key, how in (
        ("args", mapping),
        ("labels", mapping),
        ("extra_hosts", extra_hosts),
        ("secrets", files),
        ("shm_size", size),
    ):
        convert(made, key, how)
    convert(made, "additional_contexts", lambda written: _contexts(written, folder))
    return made


def _contexts(value: Any, folder: Path) -> Located:
    named = mapping(value)
    return Located({name: context(written, folder) for name, written in named.items()}, at=named.at)


def context(written: str, folder: Path) -> str:
    """An absolute build context; URLs and `type:` forms stay."""
    remote = re.match(r"[a-z][a-z0-9+.-]*:", written) or written.startswith(("git@", "github.com/"))
    return written if remote else path(written, folder)


def develop(value: Any, folder: Path) -> Located:
    """What is watched, as absolute paths."""
    made = record(value)
    if made.get("watch") is not None:
        watched = LocatedList()
        for item, place in items(made["watch"]):
            entry = record(item)
            entry["path"] = path(scalar(entry.get("path")), folder)
            watched.append(entry)
            watched.at.append(place)
        made["watch"] = watched
    return made
