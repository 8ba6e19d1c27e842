"""Reads the configuration that a log store is started with, from where it is mounted on this host."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Service

_FLAG = re.compile(r"--?config\.file(?:=(?P<path>.+))?")


def settings_of(service: Service) -> tuple[Path, dict[str, Any]]:
    """The file on this host that Loki's `-config.file` names, and what it says.

    Raises CannotTell when the command names none, the file is not mounted from this host, or it is no YAML mapping.
    """
    inside = _named([*(service.entrypoint or []), *(service.command or [])])
    if inside is None:
        raise CannotTell(f"{service.name}: no -config.file is named, so what it is told is not known")
    file = _on_this_host(service, inside)
    try:
        said = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise CannotTell(f"{service.name}: {file} can't be read: {str(error).splitlines()[0]}") from error
    if not isinstance(said, dict):
        raise CannotTell(f"{service.name}: {file} is no YAML mapping")
    return file, said


def _named(words: list[str]) -> str | None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if match := _FLAG.fullmatch(word):
            return match["path"] or following or None
    return None


def _on_this_host(service: Service, inside: str) -> Path:
    path = PurePosixPath(inside)
    for mount in service.mounts:
        if mount.kind == "bind" and path.is_relative_to(mount.target):
            return Path(mount.source) / path.relative_to(mount.target)
    raise CannotTell(f"{service.name}: its configuration {inside} is not mounted from this host")
