"""What `${name}` stands for in a Chaos Toolkit file: its configuration and secrets, inline or from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stack.errors import UserError

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_KINDS: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() in ("1", "true", "yes", "on"),
}
HIDDEN = "(not shown)"


@dataclass(frozen=True)
class Values:
    """Names and what they stand for. Secrets are never shown: `hidden` takes them out of a text again."""

    known: Mapping[str, Any]
    secrets: frozenset[str] = field(repr=False, default=frozenset())

    def filled(self, data: Any) -> Any:
        """`data` with every `${name}` that is known replaced; one that stands alone keeps its value's type, as there."""
        if isinstance(data, str):
            alone = _NAME.fullmatch(data)
            if alone and alone[1] in self.known:
                return self.known[alone[1]]
            return _NAME.sub(lambda found: str(self.known.get(found[1], found[0])), data)
        if isinstance(data, Mapping):
            return {key: self.filled(value) for key, value in data.items()}
        return [self.filled(one) for one in data] if isinstance(data, list) else data

    def hidden(self, text: str) -> str:
        """`text` without any secret in it."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text


def values_of(
    where: str, configuration: Mapping[str, Any], secrets: Mapping[str, Any], environment: Mapping[str, str]
) -> Values:
    """Raises UserError, naming `where`, for what is not in the environment, and for a source that is not imported (vault, a probe)."""
    known: dict[str, Any] = {}
    hidden = set()
    for group, entries in secrets.items():
        if not isinstance(entries, Mapping):
            raise UserError(f"{where}: its secrets.{group} is not an object")
        for name, value in entries.items():
            found = _value(where, f"secrets.{group}.{name}", value, environment)
            known.setdefault(str(name), found)
            hidden.add(str(found))
    # The configuration goes before the secrets where both have a name.
    known |= {
        str(name): _value(where, f"configuration.{name}", value, environment) for name, value in configuration.items()
    }
    return Values(known, frozenset(one for one in hidden if one))


def masked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as others may see it: secrets that stand in it are not shown."""
    groups = document.get("secrets")
    if not isinstance(groups, Mapping):
        return dict(document)
    shown = {
        group: {name: value if isinstance(value, Mapping) else HIDDEN for name, value in entries.items()}
        if isinstance(entries, Mapping)
        else HIDDEN
        for group, entries in groups.items()
    }
    return {**document, "secrets": shown}


def _value(where: str, name: str, value: Any, environment: Mapping[str, str]) -> Any:
    if not isinstance(value, Mapping) or "type" not in value:
        return value
    if value["type"] != "env":
        raise UserError(
            f"{where}: its {name} comes from {value['type']!r}; only inline values and the environment are imported"
        )
    key = value.get("key")
    if not isinstance(key, str) or not key:
        raise UserError(f"{where}: its {name} names no variable of the environment")
    if key not in environment and "default" not in value:
        raise UserError(f"{where}: its {name} comes from the variable {key}, which is not set")
    found = environment.get(key, value.get("default"))
    kind = value.get("env_var_type", "str")
    if kind not in _KINDS:
        raise UserError(f"{where}: its {name} is to be of the type {kind!r}, expected one of {', '.join(_KINDS)}")
    try:
        return _KINDS[kind](found) if isinstance(found, str) else found
    except ValueError as error:
        raise UserError(f"{where}: the variable {key} is no {kind}") from error
