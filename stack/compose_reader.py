"""Reads compose files and what they draw in (`include`, `extends`, `.env`), each interpolated and in long form, as one tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack import shapes
from stack.compose_rules import SECTIONS, check_top, long_form, ports_of
from stack.dotenv import read_env_file
from stack.errors import UserError
from stack.interpolation import Interpolator, Variable
from stack.located import Located, LocatedList, Tagged, Where, read_yaml
from stack.merging import merge, settled
from stack.short_syntax import MOST_PORTS
from stack.toml_lines import nearest

_DEEPEST_INCLUDE = 20
_MOST_FILES = 200  # read for one project, each time it is drawn in: doubling includes would come to a million
_DEEPEST_EXTENDS = 100


@dataclass(frozen=True)
class EnvFile:
    """An environment file that is read; `service` is None for the project's own."""

    path: Path
    service: str | None
    where: Where | None
    exists: bool
    required: bool = True  # `required: false` in the long syntax: it may be missing
    values: Mapping[str, str] = field(
        default_factory=dict, repr=False, compare=False
    )  # what it sets, each with its line (Located)


class Reader:
    """Reads files and follows `include` and `extends`, collecting what was asked of the environment."""

    def __init__(self) -> None:
        self.env_files: list[EnvFile] = []
        self._interpolators: list[Interpolator] = []
        self._documents: dict[Path, list[Any]] = {}
        self._files = 0
        self._ports = 0

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
                values = read_env_file(file, {**found, **outside})
                self.env_files.append(EnvFile(file, None, None, file.exists(), values=values))
                found |= values
        return found

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, paths: Sequence[Path], folder: Path, env: Mapping[str, str], above: tuple[Path, ...]) -> Located:
        """Merge the files of one project (or one include); `above` are the files that include it."""
        whole = Located()
        for path in paths:
            if len(above) > _DEEPEST_INCLUDE:
                message = f"{path}: includes are nested deeper than {_DEEPEST_INCLUDE}"
                raise UserError(message)
            if path in above:
                chain = " → ".join(str(p) for p in (*above, path))
                message = f"{path}: includes itself ({chain})"
                raise UserError(message)
            for document in self._interpolated(path, env):
                check_top(path, document)
                long = self._long_form(document, folder)
                self._extend_all(long, path, folder, env)
                self._include(long, path, env, (*above, path))
                whole = _merge_projects(whole, long)
        return whole

    def _long_form(self, document: Located, folder: Path) -> Located:
        """The document in long form, refused when its ports, written out, would fill the memory."""
        made = long_form(document, folder, most_ports=MOST_PORTS - self._ports)
        self._ports += ports_of(made)
        return made

    def _interpolated(self, path: Path, env: Mapping[str, str]) -> list[Located]:
        self._files += 1
        if self._files > _MOST_FILES:
            message = f"{path}: more than {_MOST_FILES} files are drawn in by include and extends"
            raise UserError(message)
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

    # ── extends ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _extend_all(self, document: Located, path: Path, folder: Path, env: Mapping[str, str]) -> None:
        services: Located = document.get("services") or Located()
        for name, entry in list(services.items()):
            if not isinstance(entry, Tagged):
                services[name] = self._extended(services, name, path, folder, env, ())
            elif entry.tag == "!override":
                services[name] = entry.value
                services[name] = Tagged(entry.tag, self._extended(services, name, path, folder, env, ()))

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
        if asked is None or isinstance(asked, Tagged):
            return config
        place = config.at.get("extends", config.where)
        if (path, name) in chain:
            names = " → ".join(service for _, service in (*chain, (path, name)))
            message = f"{place}: services.{name}.extends: extends itself ({names})"
            raise UserError(message)
        if len(chain) >= _DEEPEST_EXTENDS:
            message = (
                f"{place}: services.{name}.extends: more than {_DEEPEST_EXTENDS} services extend each other in a row"
            )
            raise UserError(message)
        base_name, file = _extends(asked, name, place)
        base_services, base_path, base_folder = services, path, folder
        if file is not None:
            base_path = _path(file, folder, place, f"services.{name}.extends")
            base_folder = base_path.parent
            if not base_path.is_file():
                message = f"{place}: services.{name}.extends: {base_path} is not there"
                raise UserError(message)
            base_services = Located()
            for document in self._interpolated(base_path, env):
                check_top(base_path, document)
                found = self._long_form(Located({"services": document.get("services")}, at=document.at), base_folder)
                base_services = merge(base_services, found["services"])
        if not isinstance(base_services.get(base_name), Located):
            message = f"{place}: services.{name}.extends: {base_path} has no service '{base_name}'"
            raise UserError(message + nearest(base_name, set(base_services) - {base_name}))
        base = self._extended(base_services, base_name, base_path, base_folder, env, (*chain, (path, name)))
        own = Located({k: v for k, v in config.items() if k != "extends"}, where=config.where, at=config.at)
        made: Located = merge(Located(base, where=base.where, at=base.at), own)
        made.where = config.where
        return made

    # ── include ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _include(self, document: Located, path: Path, env: Mapping[str, str], above: tuple[Path, ...]) -> None:
        entries = document.pop("include", None)
        if entries is None or isinstance(entries, Tagged):
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
            files = [_path(file, path.parent, where, "include") for file in named]
            for file in files:
                if not file.is_file():
                    message = f"{where}: include: {file} is not there"
                    raise UserError(message)
            said = record.get("project_directory")
            folder = _path(str(said), path.parent, where, "include.project_directory") if said else files[0].parent
            listed = _strings(record["env_file"], where, "env_file") if record.get("env_file") else []
            env_files = [_path(file, path.parent, where, "include.env_file") for file in listed]
            inside = self.dot_env(env_files or [folder / ".env"], env, must_exist=bool(env_files))
            included = settled(self.read(files, folder, {**inside, **env}, above))
            for section in SECTIONS:
                for name, value in (included.get(section) or {}).items():
                    mine: Located = document.get(section) or Located()
                    document[section] = mine
                    if name in mine and mine[name] != value:
                        message = f"{where}: include: '{name}' stands both here and in {files[0]} ({section})"
                        raise UserError(message)
                    mine.setdefault(name, value)
                    if place := included[section].at.get(name) or where:
                        mine.at.setdefault(name, place)


def _path(written: str, folder: Path, where: Where | None, what: str) -> Path:
    try:
        return Path(shapes.path(written, folder))
    except shapes.Malformed as error:
        message = f"{where}: {what} {error}"
        raise UserError(message) from error


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
        if key not in SECTIONS or key not in whole:
            made[key] = value if value is not None else Located() if key in SECTIONS else None
            continue
        entries = Located(whole[key], at={**whole[key].at, **value.at})
        for name, entry in value.items():
            entries[name] = merge(whole[key][name], entry) if name in whole[key] else entry
        made[key] = entries
    return made


def _strings(value: Any, where: Where | None, what: str) -> list[str]:
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(item, str) and item for item in found):
        message = f"{where}: {what} must be a path or a list of paths"
        raise UserError(message)
    return list(found)
