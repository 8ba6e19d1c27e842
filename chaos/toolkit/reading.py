"""Reads somebody's Chaos Toolkit file, of whom nothing is known: what is no such file is refused in one sentence, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from stack.errors import UserError

LARGEST_BYTES = 1024**2
"""An experiment is a page or two; whatever is larger is something else."""
LARGEST_LIST = 200
LONGEST_PAUSE_SECONDS = 300.0
_PROVIDERS = ("http", "process")


@dataclass(frozen=True)
class Document:
    """An experiment file that has the form of one, with references resolved. Values are as they stand in the file."""

    path: str
    title: str
    description: str
    probes: tuple[dict[str, Any], ...]
    hypothesis: str
    method: tuple[dict[str, Any], ...]
    rollbacks: tuple[dict[str, Any], ...]
    configuration: Mapping[str, Any]
    secrets: Mapping[str, Any]
    whole: Mapping[str, Any]
    ignored: tuple[str, ...]
    """What of the file is not carried out here, in sentences."""


def read(path: Path) -> Document:
    """The experiment in a JSON or YAML file. Raises UserError naming the file and what is wrong."""
    data = _parsed(path)
    if not isinstance(data, dict):
        _refuse(path, "its whole is not an object")
    steady = _object(
        path, data, "steady-state-hypothesis", "it has no steady-state hypothesis, without which nothing can hold"
    )
    probes = _activities(path, steady, "probes", "steady-state-hypothesis.probes", kinds=("probe",))
    method = _activities(path, data, "method", "method")
    rollbacks = _activities(path, data, "rollbacks", "rollbacks", kinds=("action",))
    if not probes:
        _refuse(path, "its steady-state hypothesis has no probes, without which nothing can hold")
    if not method:
        _refuse(path, "its method is empty, so nothing would be broken")
    named = {str(one["name"]): one for one in (*probes, *method, *rollbacks) if "ref" not in one}
    probes, method, rollbacks = (_resolved(path, some, named) for some in (probes, method, rollbacks))
    for probe in probes:
        if "tolerance" not in probe:
            _refuse(path, f"its probe {probe['name']!r} has no tolerance")
    controls = [data, steady, *probes, *method, *rollbacks]
    return Document(
        path=str(path),
        title=_text(path, data, "title"),
        description=_text(path, data, "description"),
        probes=tuple(probes),
        hypothesis=_text(path, steady, "title"),
        method=tuple(method),
        rollbacks=tuple(rollbacks),
        configuration=_object(path, data, "configuration"),
        secrets=_object(path, data, "secrets"),
        whole=data,
        ignored=("Its controls are not carried out.",) if any(one.get("controls") for one in controls) else (),
    )


def _parsed(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        _refuse(path, f"it can't be read ({error.strerror})")
    if len(raw) > LARGEST_BYTES:
        _refuse(path, f"it is larger than {LARGEST_BYTES // 1024**2} MiB, which no experiment is")
    try:
        text = raw.decode("utf-8")
        return _yaml(path, text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except RecursionError:
        _refuse(path, "it is nested too deeply")
    except UnicodeDecodeError:
        _refuse(path, "it is not UTF-8 text")
    except ValueError as error:
        _refuse(path, f"it is not whole JSON ({error})")


def _yaml(path: Path, text: str) -> Any:
    import yaml

    try:
        # An alias costs nothing to write and everything to spell out, which the journal has to do.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            _refuse(path, "it has YAML aliases, which are not taken here: write out what they stand for")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        _refuse(path, f"it is not whole YAML ({f'line {mark.line + 1}' if mark else 'nobody knows where'})")


def _activities(
    path: Path, within: Mapping[str, Any], key: str, name: str, *, kinds: tuple[str, ...] = ("probe", "action")
) -> list[dict[str, Any]]:
    found = within.get(key) or []
    if not isinstance(found, list) or len(found) > LARGEST_LIST:
        _refuse(path, f"its {name} is not a list of at most {LARGEST_LIST}")
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            _refuse(path, f"entry {number} of its {name} is not an object")
        if "ref" not in one:
            _require_sound(path, one, f"entry {number} of its {name}", kinds)
    return list(found)


def _require_sound(path: Path, one: Mapping[str, Any], where: str, kinds: tuple[str, ...]) -> None:
    if one.get("type") not in kinds:
        _refuse(path, f"{where} has the type {one.get('type')!r}, expected {' or '.join(kinds)}")
    name = one.get("name")
    if not isinstance(name, str) or not name.strip():
        _refuse(path, f"{where} has no name")
    provider = one.get("provider")
    if not isinstance(provider, dict):
        _refuse(path, f"{name!r} has no provider")
    if provider.get("type") == "python":
        called = f"{provider.get('module')}.{provider.get('func')}"
        _refuse(path, f"{name!r} calls the Python function {called}; only http and process providers are imported")
    if provider.get("type") not in _PROVIDERS:
        _refuse(
            path, f"{name!r} has the provider {provider.get('type')!r}; only http and process providers are imported"
        )
    needed = {"http": "url", "process": "path"}[provider["type"]]
    if not isinstance(provider.get(needed), str) or not provider[needed].strip():
        _refuse(path, f"{name!r}: its {provider['type']} provider has no {needed}")
    if one.get("background"):
        _refuse(
            path, f"{name!r} runs in the background, which is not imported: what it breaks could outlive its rollback"
        )
    pauses = one.get("pauses") or {}
    if not isinstance(pauses, dict) or not all(_is_pause(pauses.get(when, 0)) for when in ("before", "after")):
        _refuse(path, f"{name!r}: its pauses are not numbers of seconds up to {LONGEST_PAUSE_SECONDS:g}")


def _is_pause(value: Any) -> bool:
    if isinstance(value, str):  # from the configuration; looked at again when that is known
        return value.startswith("${") and value.endswith("}")
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_PAUSE_SECONDS


def _resolved(path: Path, some: list[dict[str, Any]], named: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    for one in some:
        if "ref" in one and one["ref"] not in named:
            _refuse(path, f"it refers to an activity {one['ref']!r} that it does not have")
    return [named[one["ref"]] if "ref" in one else one for one in some]


def _object(path: Path, within: Mapping[str, Any], key: str, missing: str = "") -> dict[str, Any]:
    found = within.get(key)
    if found is None and missing:
        _refuse(path, missing)
    if not isinstance(found or {}, dict):
        _refuse(path, f"its {key} is not an object")
    return dict(found or {})


def _text(path: Path, within: Mapping[str, Any], key: str) -> str:
    found = within.get(key)
    if not isinstance(found, str) or not found.strip():
        _refuse(path, f"it has no {key}")
    return found.strip()


def _refuse(path: Path, why: str) -> NoReturn:
    raise UserError(f"--chaos-toolkit {path}: {why}")
