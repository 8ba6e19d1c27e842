"""Renders compose files without docker: the declared stack on any machine, with the line of every key, for anyone's files.

Follows the Compose specification; `docker compose config` is the yardstick (tests/stack/test_compose_agrees.py compares both
on a corpus). What it adds over that command: it needs no client, keeps places, keeps the services of inactive profiles
(flagged idle), and says what is wrong in one sentence with file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import longform, shapes, vocabulary
from stack.dotenv import read_env_file
from stack.errors import UserError
from stack.interpolation import Interpolator, Variable
from stack.located import Located, LocatedList, Where, read_yaml, where_of
from stack.merging import merge, settled
from stack.toml_lines import nearest

__all__ = ["Declared", "EnvFile", "Variable", "Where", "load_project"]

_SECTIONS = ("services", "networks", "volumes", "secrets", "configs")
_DEEPEST_INCLUDE = 20


@dataclass(frozen=True)
class EnvFile:
    """An environment file that is read; `service` is None for the project's own."""

    path: Path
    service: str | None
    where: Where | None
    exists: bool


@dataclass(frozen=True)
class Declared:
    """A rendered project."""

    project: str
    files: tuple[Path, ...]
    folder: Path
    tree: dict[str, Any]
    variables: tuple[Variable, ...]
    env_files: tuple[EnvFile, ...]
    active_profiles: tuple[str, ...]
    idle: frozenset[str]


def load_project(
    compose_files: Sequence[Path],
    *,
    project: str | None = None,
    env: Mapping[str, str] | None = None,
    profiles: Sequence[str] = (),
) -> Declared:
    """Render compose files, merged in order. `env` is the environment (default: ours); the project's `.env` comes under it.

    Raises:
        UserError: one sentence with file and line: missing, malformed, hostile, or naming what is not there.

    """
    if not compose_files:
        message = "no compose file was named"
        raise UserError(message)
    paths = tuple(Path(os.path.abspath(file)) for file in compose_files)
    outside = dict(os.environ if env is None else env)
    folder = paths[0].parent
    reader = _Reader()
    inside = reader.dot_env([folder / ".env"], outside, must_exist=False)
    known = {**inside, **outside}
    name = _project_name(project or known.get("COMPOSE_PROJECT_NAME"), paths, folder)
    known.setdefault("COMPOSE_PROJECT_NAME", name)
    tree = settled(reader.read(paths, folder, known, ()))
    for section in _SECTIONS:
        tree.setdefault(section, Located())
    tree["name"] = name
    if not tree["services"]:
        message = f"{paths[0]}: declares no services"
        raise UserError(message)
    active = tuple(profiles) or tuple(part for part in known.get("COMPOSE_PROFILES", "").split(",") if part)
    reader.finish(tree, known)
    idle = _idle(tree["services"], active)
    _check_references(tree)
    return Declared(
        name, paths, folder, tree, tuple(reader.variables()), tuple(reader.env_files), active, frozenset(idle)
    )


class _Reader:
    """Reads files and follows `include` and `extends`, collecting what was asked of the environment."""

    def __init__(self) -> None:
        self.env_files: list[EnvFile] = []
        self._interpolators: list[Interpolator] = []
        self._documents: dict[Path, list[Any]] = {}

    def variables(self) -> Iterator[Variable]:
        """Every variable asked for, once per place."""
        seen = set()
        for interpolator in self._interpolators:
            for variable in interpolator.used:
                if variable not in seen:
                    seen.add(variable)
                    yield variable

    def dot_env(self, files: list[Path], outside: Mapping[str, str], *, must_exist: bool) -> dict[str, str]:
        """The variables of a project's env files."""
        found: dict[str, str] = {}
        for file in files:
            if must_exist or file.is_file():
                self.env_files.append(EnvFile(file, None, None, file.exists()))
                found |= read_env_file(file, {**found, **outside})
        return found

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, paths: Sequence[Path], folder: Path, env: Mapping[str, str], above: tuple[Path, ...]) -> Located:
        """Merge the files of one project (or one include); `above` are the files that include it."""
        whole = Located()
        for path in paths:
            if path in above or len(above) > _DEEPEST_INCLUDE:
                chain = " → ".join(str(p) for p in (*above, path))
                message = f"{path}: includes itself ({chain})"
                raise UserError(message)
            for document in self._interpolated(path, env):
                self._check_top(path, document)
                long = self._long(document, folder)
                self._extend_all(long, path, folder, env)
                self._include(long, path, env, (*above, path))
                whole = _merge_projects(whole, long)
        return whole

    def _interpolated(self, path: Path, env: Mapping[str, str]) -> list[Located]:
        if path not in self._documents:
            self._documents[path] = read_yaml(path)
        interpolator = Interpolator(env)
        self._interpolators.append(interpolator)
        made = []
        for document in self._documents[path]:
            if not isinstance(document, Located):
                message = f"{path}:1: not a compose file: its top level must be a mapping"
                raise UserError(message)
            tree = Located(where=document.where, at=document.at)
            for key, value in document.items():
                # Extensions are never rendered by themselves; where an anchor takes them elsewhere they are read there.
                tree[key] = value if key.startswith("x-") else interpolator.tree(value, document.at.get(key), key)
            made.append(tree)
        if not made:
            message = f"{path}:1: is empty"
            raise UserError(message)
        return made

    def _check_top(self, path: Path, document: Located) -> None:
        for key in document:
            if key not in vocabulary.TOP_LEVEL and not key.startswith("x-"):
                place = document.at.get(key, Where(path, 1))
                message = f"{place}: unknown key '{key}'{nearest(key, vocabulary.TOP_LEVEL)}"
                raise UserError(message)
        for section in _SECTIONS:
            entries = document.get(section)
            if entries is not None and not isinstance(entries, Located):
                message = f"{document.at[section]}: '{section}' must be a mapping of names"
                raise UserError(message)

    def _long(self, document: Located, folder: Path) -> Located:
        """The document in long form, its relative paths taken from `folder`."""
        made = Located(where=document.where, at=dict(document.at))
        for key, value in document.items():
            if key not in _SECTIONS:
                made[key] = value
                continue
            made[key] = Located(at=dict(value.at) if value else {})
            for name, entry in (value or {}).items():
                place = value.at.get(name)
                made[key][name] = (
                    self._long_service(name, entry, folder, place)
                    if key == "services"
                    else _long_resource(key, name, entry, folder, place)
                )
        return made

    def _long_service(self, name: str, entry: Any, folder: Path, place: Where | None) -> Located:
        if not isinstance(entry, Located):
            message = f"{place}: the service '{name}' must be a mapping, not {type_name(entry)}"
            raise UserError(message)
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            message = f"{place}: {name!r} can't be the name of a service (letters, digits, dots, dashes, underscores)"
            raise UserError(message)
        for key in entry:
            if key not in vocabulary.SERVICE and not key.startswith("x-"):
                message = f"{entry.at.get(key, place)}: services.{name}: unknown key '{key}'{nearest(key, vocabulary.SERVICE)}"
                raise UserError(message)

        def refuse(key: str, what: str) -> UserError:
            return UserError(f"{entry.at.get(key, place)}: services.{name}.{key} {what}")

        return longform.service(entry, folder, refuse)

    # ── extends ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _extend_all(self, document: Located, path: Path, folder: Path, env: Mapping[str, str]) -> None:
        services: Located = document.get("services") or Located()
        for name in list(services):
            services[name] = self._extended(services, name, path, folder, env, ())

    def _extended(
        self,
        services: Located,
        name: str,
        path: Path,
        folder: Path,
        env: Mapping[str, str],
        chain: tuple[tuple[Path, str], ...],
    ) -> Located:
        """The service with what it extends merged under it."""
        config: Located = services[name]
        asked = config.get("extends")
        if asked is None:
            return config
        place = config.at.get("extends", config.where)
        if (path, name) in chain:
            names = " → ".join(service for _, service in (*chain, (path, name)))
            message = f"{place}: services.{name}.extends: extends itself ({names})"
            raise UserError(message)
        base_name, file = _extends(asked, name, place)
        base_services, base_path, base_folder = services, path, folder
        if file is not None:
            base_path = Path(shapes.path(file, folder))
            base_folder = base_path.parent
            if not base_path.is_file():
                message = f"{place}: services.{name}.extends: {base_path} is not there"
                raise UserError(message)
            base_services = Located()
            for document in self._interpolated(base_path, env):
                self._check_top(base_path, document)
                found = self._long(Located({"services": document.get("services")}, at=document.at), base_folder)
                base_services = merge(base_services, found["services"])
        if base_name not in base_services:
            message = f"{place}: services.{name}.extends: {base_path} has no service '{base_name}'"
            raise UserError(message + nearest(base_name, base_services))
        base = self._extended(base_services, base_name, base_path, base_folder, env, (*chain, (path, name)))
        own = Located({k: v for k, v in config.items() if k != "extends"}, where=config.where, at=config.at)
        made: Located = merge(Located(base, where=base.where, at=base.at), own)
        made.where = config.where
        return made

    # ── include ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _include(self, document: Located, path: Path, env: Mapping[str, str], above: tuple[Path, ...]) -> None:
        entries = document.pop("include", None)
        if entries is None:
            return
        place = document.at.get("include")
        if not isinstance(entries, list):
            message = f"{place}: 'include' must be a list"
            raise UserError(message)
        for index, entry in enumerate(entries):
            where = (entries.at[index] if isinstance(entries, LocatedList) and entries.at else None) or place
            record = entry if isinstance(entry, Mapping) else {"path": entry}
            named = _strings(record.get("path"), where, "include.path")
            if any("://" in file or file.startswith("git@") for file in named):
                message = f"{where}: include: {named[0]} is remote, and nothing is fetched to read a compose file"
                raise UserError(message)
            files = [Path(shapes.path(file, path.parent)) for file in named]
            for file in files:
                if not file.is_file():
                    message = f"{where}: include: {file} is not there"
                    raise UserError(message)
            said = record.get("project_directory")
            folder = Path(shapes.path(str(said), path.parent)) if said else files[0].parent
            listed = record.get("env_file")
            env_files = (
                [Path(shapes.path(f, path.parent)) for f in _strings(listed, where, "env_file")] if listed else []
            )
            inside = self.dot_env(env_files or [folder / ".env"], env, must_exist=bool(env_files))
            included = settled(self.read(files, folder, {**inside, **env}, above))
            for section in _SECTIONS:
                for name, value in (included.get(section) or {}).items():
                    mine: Located = document.get(section) or Located()
                    document[section] = mine
                    if name in mine and mine[name] != value:
                        message = f"{where}: include: '{name}' stands both here and in {files[0]} ({section})"
                        raise UserError(message)
                    mine.setdefault(name, value)
                    if place := included[section].at.get(name) or where:
                        mine.at.setdefault(name, place)

    # ── what is filled in at the end ────────────────────────────────────────────────────────────────────────────────

    def finish(self, tree: Located, env: Mapping[str, str]) -> None:
        """Fill in what the specification implies: environments, networks, names, dependencies."""
        name = tree["name"]
        uses_default = False
        for service_name, config in tree["services"].items():
            self._environment(service_name, config, env)
            if config.get("network_mode") is None and not config.get("networks"):
                config["networks"] = Located({"default": None})
            uses_default |= "default" in (config.get("networks") or {})
            _implied_dependencies(config)
            args = (config.get("build") or {}).get("args")
            if args:
                args.update({key: env[key] for key, value in args.items() if value is None and key in env})
        if uses_default:
            tree["networks"].setdefault("default", Located())
        for section in ("networks", "volumes", "secrets", "configs"):
            for key, entry in tree[section].items():
                entry = tree[section][key] = Located() if entry is None else entry
                if "name" not in entry:
                    entry["name"] = key if entry.get("external") else f"{name}_{key}"
                if section == "networks" and not entry.get("external"):
                    entry.setdefault("ipam", Located())

    def _environment(self, name: str, config: Located, env: Mapping[str, str]) -> None:
        """Join `env_file` and `environment`, and pass on the variables named without a value."""
        found = Located()
        for entry in config.pop("env_file", None) or ():
            path, place = Path(entry["path"]), config.at.get("env_file")
            self.env_files.append(EnvFile(path, name, place, path.exists()))
            if not path.exists():
                if entry.get("required", True):
                    message = f"{place}: services.{name}.env_file: {path} is not there"
                    raise UserError(message)
                continue
            # Unlike the project's .env, a later file wins over an earlier one; both may use what came before.
            for key, value in read_env_file(path, {**env, **found}, raw=entry.get("format") == "raw").items():
                found[key] = value
                if place:
                    found.at[key] = place
        own = config.get("environment")
        if own is None and not found:
            return
        for key, value in (own or {}).items():
            found[key] = env.get(key, found.get(key)) if value is None else value
            if place := getattr(own, "at", {}).get(key):
                found.at[key] = place
        config["environment"] = found


def _extends(asked: Any, name: str, place: Where | None) -> tuple[str, str | None]:
    if isinstance(asked, str):
        return asked, None
    if isinstance(asked, Mapping) and isinstance(asked.get("service"), str):
        file = asked.get("file")
        return str(asked["service"]), None if file is None else str(file)
    message = f"{place}: services.{name}.extends must name a service"
    raise UserError(message)


def _merge_projects(whole: Located, document: Located) -> Located:
    """A file's sections over what the files before it made: each entry merges with its own kind of rules."""
    made = Located(whole, where=document.where, at={**whole.at, **document.at})
    for key, value in document.items():
        if key not in _SECTIONS or key not in whole:
            made[key] = value if value is not None else Located() if key in _SECTIONS else None
            continue
        entries = Located(whole[key], at={**whole[key].at, **value.at})
        for name, entry in value.items():
            entries[name] = merge(whole[key][name], entry) if name in whole[key] else entry
        made[key] = entries
    return made


def _long_resource(section: str, name: str, entry: Any, folder: Path, place: Where | None) -> Any:
    """A network, volume, secret or config in long form."""
    if entry is None:
        return Located(where=place)
    if not isinstance(entry, Located):
        message = f"{place}: {section}.{name} must be a mapping, not {type_name(entry)}"
        raise UserError(message)
    made = Located(entry, where=entry.where, at=dict(entry.at))
    external = made.get("external")
    if isinstance(external, Mapping):  # the form of Compose 2: external: {name: X}
        made["external"], made["name"] = True, external.get("name", name)
    elif external is not None:
        made["external"] = shapes.boolean(external)
        if not made["external"]:
            del made["external"]
    try:
        for key in ("labels", "driver_opts"):
            if made.get(key) is not None:
                made[key] = shapes.mapping(made[key])
        if made.get("file") is not None:
            made["file"] = shapes.path(shapes.scalar(made["file"]), folder)
        for key in ("internal", "attachable", "enable_ipv6"):
            if made.get(key) is not None:
                made[key] = shapes.boolean(made[key])
    except shapes.Malformed as error:
        message = f"{place}: {section}.{name} {error}"
        raise UserError(message) from error
    return made


def _implied_dependencies(config: Located) -> None:
    """What shares a namespace or volumes with another service starts after it."""
    implied: dict[str, Located] = {}
    for key in ("network_mode", "ipc", "pid", "uts", "cgroup"):
        kind, _, target = str(config.get(key) or "").partition(":")
        if kind == "service" and target:
            implied[target] = Located({"condition": "service_started", "required": True, "restart": True})
    for entry in config.get("links") or ():
        implied[entry.partition(":")[0]] = Located({"condition": "service_started", "required": True, "restart": True})
    for entry in config.get("volumes_from") or ():
        if not entry.startswith("container:"):
            how = Located({"condition": "service_started", "required": True, "restart": False})
            implied.setdefault(entry.partition(":")[0], how)
    if implied:
        listed = config.setdefault("depends_on", Located())
        for name, how in implied.items():
            listed.setdefault(name, how)


def _idle(services: Mapping[str, Any], active: Sequence[str]) -> set[str]:
    """The services that a plain `up` leaves alone."""
    if "*" in active:
        return set()
    return {
        name
        for name, config in services.items()
        if config.get("profiles") and not set(config["profiles"]) & set(active)
    }


def _check_references(tree: Located) -> None:
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


def _project_name(asked: str | None, paths: Sequence[Path], folder: Path) -> str:
    """The project's name: as asked, as the last file that names it says, or after the folder."""
    if asked:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", asked):
            message = f"'{asked}' can't be a project's name: small letters, digits, dashes and underscores only"
            raise UserError(message)
        return asked
    for path in reversed(paths):
        for document in reversed(read_yaml(path)):
            named = document.get("name") if isinstance(document, Located) else None
            if isinstance(named, str) and named:
                said = Interpolator(os.environ).text(named, document.at.get("name"), "name")
                return _project_name(said, paths, folder)
    cleaned = re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-")
    return cleaned or "stack"


def _strings(value: Any, where: Where | None, what: str) -> list[str]:
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(item, str) and item for item in found):
        message = f"{where}: {what} must be a path or a list of paths"
        raise UserError(message)
    return list(found)


def type_name(value: Any) -> str:
    """What a YAML value is, in words."""
    if value is None:
        return "empty"
    kinds = {
        list: "a list",
        dict: "a mapping",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return next((words for kind, words in kinds.items() if isinstance(value, kind)), type(value).__name__)
