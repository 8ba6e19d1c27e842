"""Renders compose files without docker: the declared stack on any machine, with the line of every key, for anyone's files.

Follows the Compose specification; `docker compose config` is the yardstick (tests/stack/test_compose_agrees.py compares both
on a corpus). What it adds over that command: it needs no client, keeps places, keeps the services of inactive profiles
(flagged idle), and says what is wrong in one sentence with file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.compose_reader import EnvFile, Reader
from stack.compose_rules import SECTIONS, check_references
from stack.dotenv import read_env_file
from stack.errors import UserError
from stack.interpolation import Interpolator, Variable
from stack.located import Located, Where, read_yaml
from stack.longform import hosts_in_order
from stack.merging import settled

__all__ = ["Declared", "EnvFile", "Variable", "Where", "load_project"]


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
    reader = Reader()
    inside = reader.dot_env([folder / ".env"], outside, must_exist=False)
    known = {**inside, **outside}
    name = _project_name(project or known.get("COMPOSE_PROJECT_NAME"), paths, folder)
    known.setdefault("COMPOSE_PROJECT_NAME", name)
    tree = settled(reader.read(paths, folder, known, ()))
    for section in SECTIONS:
        tree.setdefault(section, Located())
    tree["name"] = name
    if not tree["services"]:
        message = f"{paths[0]}: declares no services"
        raise UserError(message)
    active = tuple(profiles) or tuple(part for part in known.get("COMPOSE_PROFILES", "").split(",") if part)
    _finish(tree, known, reader.env_files)
    idle = _idle(tree["services"], active)
    check_references(tree)
    return Declared(
        name, paths, folder, tree, tuple(reader.variables()), tuple(reader.env_files), active, frozenset(idle)
    )


def _finish(tree: Located, env: Mapping[str, str], env_files: list[EnvFile]) -> None:
    """Fill in what the specification implies: environments, networks, names, dependencies."""
    name = tree["name"]
    uses_default = False
    for service_name, config in tree["services"].items():
        _environment(service_name, config, env, env_files)
        if config.get("network_mode") is None and not config.get("networks"):
            config["networks"] = Located({"default": None})
        uses_default |= "default" in (config.get("networks") or {})
        _implied_dependencies(config)
        for key in [key for key, value in config.items() if value == ""]:
            del config[
                key
            ]  # "nothing" and not set are the same to a service, and an empty text can take back what was merged
        hosts_in_order(config)
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


def _environment(name: str, config: Located, env: Mapping[str, str], env_files: list[EnvFile]) -> None:
    """Join `env_file` and `environment`, and pass on the variables named without a value."""
    found = Located()
    for entry in config.pop("env_file", None) or ():
        path, place = Path(entry["path"]), config.at.get("env_file")
        if not path.exists():
            env_files.append(EnvFile(path, name, place, exists=False, required=bool(entry.get("required", True))))
            if entry.get("required", True):
                message = f"{place}: services.{name}.env_file: {path} is not there"
                raise UserError(message)
            continue
        # Unlike the project's .env, a later file wins over an earlier one; both may use what came before.
        values = read_env_file(path, {**env, **found}, raw=entry.get("format") == "raw")
        env_files.append(EnvFile(path, name, place, exists=True, values=values))
        found.update(values)
        found.at.update(values.at)
    own = config.get("environment")
    if own is None and not found:
        return
    for key, value in (own or {}).items():
        found[key] = env.get(key) if value is None else value
        if place := getattr(own, "at", {}).get(key):
            found.at[key] = place
    config["environment"] = found


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
