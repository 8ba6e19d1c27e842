"""Reads what an image's layers hold, file by file, without running it; a layer that many images share is read once."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell
from stack.model import Service, Stack
from suites.security import images


@dataclass(frozen=True)
class Entry:
    """One file of a layer: its path in the image, where the host has it, its mode and size."""

    path: str
    host: Path
    mode: int
    size: int


@dataclass(frozen=True)
class Layer:
    """One layer: its files, and the paths it takes away from the layers below."""

    files: tuple[Entry, ...]
    removed: frozenset[str]


def of(stack: Stack, service: Service) -> tuple[Layer, ...]:
    """The layers of a service's image, the topmost first.

    Raises:
        CannotTell: the image is not here, or its layers can't be read (not root, another machine, another store).

    """
    driver = images.inspected(stack, service).get("GraphDriver") or {}
    data = driver.get("Data") or {}
    if not stack.driver.is_local() or os.geteuid() != 0:
        raise CannotTell("layers can only be read as root on the engine's own machine")
    folders = [data.get("UpperDir") or "", *str(data.get("LowerDir") or "").split(":")]
    found = [Path(folder) for folder in folders if folder]
    if driver.get("Name") != "overlay2" or not found or not all(folder.is_dir() for folder in found):
        raise CannotTell(
            f"the engine keeps layers by {driver.get('Name') or 'a store'} that can't be read from outside"
        )
    return tuple(_layer(folder) for folder in found)


def visible(layers: tuple[Layer, ...]) -> Iterator[Entry]:
    """The files that a container of the image sees: what a higher layer replaces or takes away is left out."""
    hidden: set[str] = set()
    for layer in layers:
        for entry in layer.files:
            if entry.path not in hidden and not hidden.intersection(_parents(entry.path)):
                yield entry
        hidden |= layer.removed | {entry.path for entry in layer.files}


def _parents(path: str) -> Iterator[str]:
    while (path := path.rpartition("/")[0]) != "":
        yield path


@functools.cache
def _layer(folder: Path) -> Layer:
    files: list[Entry] = []
    removed: set[str] = set()
    pending = [str(folder)]
    base = len(str(folder))
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                path = entry.path[base:]
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry.path)
                elif stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                    removed.add(path)  # overlayfs' whiteout
                elif stat.S_ISREG(status.st_mode):
                    files.append(Entry(path, Path(entry.path), status.st_mode, status.st_size))
    return Layer(tuple(files), frozenset(removed))
