"""Finds what is known of a service's image without running it: its Dockerfile, and the engine's word where there is one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from stack.errors import CannotTell, NoEngine
from stack.model import Service, Stack


def dockerfile(stack: Stack, service: Service) -> Path | None:
    """The Dockerfile a service is built from; None when it is not built here or the file is inline or remote."""
    build = service.build
    if build is None or build.get("dockerfile_inline") or "://" in str(build.get("context", "")):
        return None
    context = Path(str(build.get("context") or "."))
    folder = context if context.is_absolute() else stack.declared.folder / context
    path = folder / str(build.get("dockerfile") or "Dockerfile")
    return path if path.is_file() else None


def dockerfile_text(stack: Stack, service: Service) -> str | None:
    """What the Dockerfile says, inline ones included; None when it can't be read here."""
    inline = (service.build or {}).get("dockerfile_inline")
    if inline:
        return str(inline)
    path = dockerfile(stack, service)
    return path.read_text(errors="replace") if path else None


def build_arguments(service: Service) -> dict[str, str]:
    """The build arguments that the compose file gives a value."""
    return _texts((service.build or {}).get("args"))


def contexts(service: Service) -> dict[str, str]:
    """The names that a build is given for other folders, repositories or images (`additional_contexts`)."""
    return _texts((service.build or {}).get("additional_contexts"))


def _texts(given: Any) -> dict[str, str]:
    pairs = given.items() if isinstance(given, dict) else [str(one).partition("=")[::2] for one in given or ()]
    return {str(name): str(value) for name, value in pairs if value is not None}


def built_here(stack: Stack) -> frozenset[str]:
    """Names (the tag aside) of the images this project builds itself, those of sibling build contexts included.

    Two services' images often share a base that no service runs: a folder beside their build contexts with a Dockerfile
    of its own, tagged `<prefix>/<folder>`.
    """
    from suites.security.rules.pins import parse

    names = set()
    prefixes = set()
    parents = set()
    for service in stack.services:
        if service.build is None:
            continue
        if service.image:
            names.add(parse(service.image).name)
            prefix, slash, _ = parse(service.image).name.rpartition("/")
            prefixes |= {prefix} if slash else set()
        path = dockerfile(stack, service)
        if path is not None:
            parents.add(path.parent.parent)
    for parent in parents:
        for sibling in parent.glob("*/Dockerfile"):
            names |= {f"{prefix}/{sibling.parent.name}" for prefix in prefixes}
    return frozenset(names)


def image_name(stack: Stack, service: Service) -> str:
    """The name the engine knows a service's image by: compose names a built one after project and service."""
    return service.image or f"{stack.project}-{service.name}"


def inspected(stack: Stack, service: Service) -> dict[str, Any]:
    """What the engine says of a service's image.

    Raises:
        CannotTell: no engine answers, or it does not have the image.

    """
    return _inspected(stack, image_name(stack, service))


@functools.cache
def _engine(stack: Stack) -> bool:
    try:
        return bool(stack.driver)
    except NoEngine:
        return False


@functools.cache
def _inspected(stack: Stack, name: str) -> dict[str, Any]:
    if not _engine(stack):
        raise NoEngine(f"no engine answers, so the image {name} can't be looked into")
    try:
        return stack.driver.image(name)
    except CannotTell as error:
        absent = f"the image {name} is not on this engine"
        raise CannotTell(absent if "No such image" in str(error) else str(error)) from error
