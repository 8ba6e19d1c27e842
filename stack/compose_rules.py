"""What a compose file may say: its keys, its names, and that whatever it names is there; each breach told with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack import longform, shapes, vocabulary
from stack.compose_kinds import kind_of, problems
from stack.errors import UserError
from stack.located import Located, Tagged, Where, where_of
from stack.toml_lines import nearest

SECTIONS = ("services", "networks", "volumes", "secrets", "configs")


def check_top(path: Path, document: Located) -> None:
    for key in document:
        if key not in vocabulary.TOP_LEVEL and not key.startswith("x-"):
            place = document.at.get(key, Where(path, 1))
            message = f"{place}: unknown key '{key}'{nearest(key, vocabulary.TOP_LEVEL)}"
            raise UserError(message)
    for section in SECTIONS:
        entries = document.get(section)
        if entries is not None and not isinstance(entries, Located):
            message = f"{document.at[section]}: '{section}' must be a mapping of names"
            raise UserError(message)


def long_form(document: Located, folder: Path, *, most_ports: int) -> Located:
    """The document in long form, its relative paths taken from `folder`; refused once its ports are more than `most_ports`."""
    made = Located(where=document.where, at=dict(document.at))
    for key, value in document.items():
        if key not in SECTIONS:
            made[key] = value
            continue
        made[key] = Located(at=dict(value.at) if value else {})
        for name, entry in (value or {}).items():
            made[key][name] = _long_entry(key, name, entry, folder, value.at.get(name))
            most_ports -= _ports_in(made[key][name]) if key == "services" else 0
            if most_ports < 0:
                message = f"{value.at.get(name)}: services.{name}: the project has too many ports, ranges written out"
                raise UserError(message)
    return made


def ports_of(document: Located) -> int:
    """How many ports the services of a document in long form have."""
    return sum(_ports_in(service) for service in (document.get("services") or {}).values())


def _ports_in(service: Any) -> int:
    config = service.value if isinstance(service, Tagged) else service
    ports = config.get("ports") if isinstance(config, Mapping) else None
    return len(ports.value if isinstance(ports, Tagged) else ports) if ports else 0


def _long_entry(section: str, name: str, entry: Any, folder: Path, place: Where | None) -> Any:
    if isinstance(entry, Tagged):
        inner = entry.value if entry.tag == "!reset" else _long_entry(section, name, entry.value, folder, place)
        return Tagged(entry.tag, inner)
    if section == "services":
        return _long_service(name, entry, folder, place)
    return _long_resource(section, name, entry, folder, place)


def _long_service(name: str, entry: Any, folder: Path, place: Where | None) -> Located:
    if not isinstance(entry, Located):
        message = f"{place}: the service '{name}' must be a mapping, not {kind_of(entry)}"
        raise UserError(message)
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        message = f"{place}: {name!r} can't be the name of a service (letters, digits, dots, dashes, underscores)"
        raise UserError(message)
    for key in entry:
        if key not in vocabulary.SERVICE and not key.startswith("x-"):
            message = (
                f"{entry.at.get(key, place)}: services.{name}: unknown key '{key}'{nearest(key, vocabulary.SERVICE)}"
            )
            raise UserError(message)

    _refuse_problems("services", name, entry, place)

    def refuse(key: str, what: str) -> UserError:
        return UserError(f"{entry.at.get(key, place)}: services.{name}.{key} {what}")

    return longform.service(entry, folder, refuse)


def _refuse_problems(section: str, name: str, entry: Located, place: Where | None) -> None:
    for path, problem in problems(section, entry):
        inner = path[:-1] if problem.startswith("unknown key") else path
        written = ".".join([section, name, *map(str, inner)])
        colon = ":" if problem.startswith("unknown key") else ""
        message = f"{where_of(entry, *path) or place}: {written}{colon} {problem}"
        raise UserError(message)


def _long_resource(section: str, name: str, entry: Any, folder: Path, place: Where | None) -> Any:
    """A network, volume, secret or config in long form."""
    if entry is None:
        return Located(where=place)
    if not isinstance(entry, Located):
        message = f"{place}: {section}.{name} must be a mapping, not {kind_of(entry)}"
        raise UserError(message)
    _refuse_problems(section, name, entry, place)
    made = Located(entry, where=entry.where, at=dict(entry.at))
    external = made.get("external")
    if isinstance(external, Mapping):  # the form of Compose 2: external: {name: X}
        made["external"], made["name"] = True, external.get("name", name)
    try:
        shapes.convert(made, "external", shapes.boolean)
        if made.get("external") is False:
            del made["external"]
        for key in ("labels", "driver_opts"):
            shapes.convert(made, key, shapes.mapping)
        shapes.convert(made, "file", lambda written: shapes.path(shapes.scalar(written), folder))
        for key in ("internal", "attachable", "enable_ipv6"):
            shapes.convert(made, key, shapes.boolean)
    except shapes.Malformed as error:
        message = f"{place}: {section}.{name} {error}"
        raise UserError(message) from error
    return made


def check_references(tree: Located) -> None:
    """Refuse what names something that is not declared, a service without an image, and dependencies in a circle."""
    for name, config in tree["services"].items():
        if config.get("image") is None and config.get("build") is None and config.get("provider") is None:
            message = f"{where_of(tree, 'services', name)}: services.{name} has neither an image nor a build"
            raise UserError(message)
        wanted = [("networks", key, "networks") for key in config.get("networks") or {}]
        wanted += [
            ("volumes", mount["source"], "volumes")
            for mount in config.get("volumes") or ()
            if mount.get("type") == "volume" and mount.get("source")
        ]
        wanted += [(kind, entry["source"], kind) for kind in ("secrets", "configs") for entry in config.get(kind) or ()]
        wanted += [
            ("services", target, "depends_on")
            for target, how in (config.get("depends_on") or {}).items()
            if how.get("required", True)
        ]
        for section, target, key in wanted:
            if target not in tree[section]:
                place = where_of(tree, "services", name, key)
                kind = section.removesuffix("s")
                message = (
                    f"{place}: services.{name}.{key}: there is no {kind} '{target}'{nearest(target, tree[section])}"
                )
                raise UserError(message)
    _refuse_circles(tree)


def _refuse_circles(tree: Located) -> None:
    done: set[str] = set()
    for start in tree["services"]:
        # Depth first without recursion: each entry is a service and what is left of its dependencies.
        path: list[tuple[str, Iterator[str]]] = [(start, iter(_dependencies(tree, start)))] if start not in done else []
        while path:
            name, left = path[-1]
            step = next(left, None)
            if step is None:
                done.add(name)
                path.pop()
            elif step in (names := [entry[0] for entry in path]):
                circle = " → ".join([*names[names.index(step) :], step])
                message = f"{where_of(tree, 'services', step, 'depends_on')}: services depend on each other in a circle: {circle}"
                raise UserError(message)
            elif step not in done:
                path.append((step, iter(_dependencies(tree, step))))


def _dependencies(tree: Located, name: str) -> list[str]:
    return [target for target in tree["services"][name].get("depends_on") or {} if target in tree["services"]]
