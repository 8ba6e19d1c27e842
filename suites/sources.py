"""Which files a stack is written in, so that what people say in them beside a line can be found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stack.errors import CannotTell
from stack.located import Located, LocatedList
from stack.model import Stack
from suites.security import images
from suites.security.nginx_files import configuration_of


def files_of(stack: Stack) -> tuple[Path, ...]:
    """The compose files with all they include or extend, the Dockerfiles built from, and nginx files mounted or copied."""
    found = [*stack.compose_files, *_drawn_in(stack.rendered)]
    for service in stack.services:
        dockerfile = images.dockerfile(stack, service)
        found += [dockerfile] if dockerfile else []
        try:
            nginx = configuration_of(stack, service)
        except CannotTell:
            continue  # the checks of that configuration say so
        found += nginx.places.values() if nginx else ()
    return tuple(dict.fromkeys(found))


def _drawn_in(tree: Any) -> Iterator[Path]:
    """The file of every place in a rendered tree."""
    waiting, seen = [tree], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, dict | list):
            continue
        seen.add(id(node))
        if isinstance(node, Located | LocatedList):
            places = node.at.values() if isinstance(node, Located) else node.at
            yield from {place.file for place in places if place is not None}
        waiting += node.values() if isinstance(node, dict) else node
