"""Merges one compose file's values over another's by the Compose specification ("Merge and override"), places included."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from stack.located import Located, LocatedList, Tagged

_REPLACED = {("command",), ("entrypoint",), ("healthcheck", "test")}


def _port(entry: Any) -> Hashable:
    return tuple(str(entry.get(key) or "") for key in ("host_ip", "published", "target", "protocol"))


def _target(entry: Any) -> Hashable:
    return str(entry.get("target") or "")


def _file(entry: Any) -> Hashable:
    return str(entry.get("target") or entry.get("source") or "")


def _itself(entry: Any) -> Hashable:
    return repr(entry)


#: By what two entries of a service's list are one and the same: the later one wins, in the earlier one's place.
_IDENTITY: dict[tuple[str, ...], Callable[[Any], Hashable]] = {
    ("ports",): _port,
    ("volumes",): _target,
    ("secrets",): _file,
    ("configs",): _file,
    ("env_file",): lambda entry: str(entry.get("path")),
    ("devices",): _target,
}
#: Where a name without a value still says something: "as the environment has it", whatever the file below gives it.
_PASSED_ON = {("environment",), ("build", "args")}


def merge(base: Any, over: Any, path: tuple[str, ...] = ()) -> Any:
    """`over` on `base`. `path` is relative to the service (or to the top-level entry); neither argument is changed."""
    if isinstance(over, Tagged):
        return over.value if over.tag == "!override" else over
    if over is None:
        return base
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        if path == ("logging",) and over.get("driver", base.get("driver")) != base.get("driver"):
            return over
        return _mappings(base, over, path)
    if isinstance(base, list) and isinstance(over, list) and path not in _REPLACED:
        return unique(LocatedList([*base, *over], at=[*_places(base), *_places(over)]), path)
    return over


def _mappings(base: Mapping[str, Any], over: Mapping[str, Any], path: tuple[str, ...]) -> Located:
    made = Located(base, where=getattr(over, "where", None), at=dict(getattr(base, "at", {})))
    for key, value in over.items():
        if isinstance(value, Tagged) and value.tag == "!reset":
            made.pop(key, None)
            continue
        passed_on = value is None and path in _PASSED_ON
        made[key] = merge(base[key], value, (*path, key)) if key in base and not passed_on else _untagged(value)
        if place := getattr(over, "at", {}).get(key):
            made.at[key] = place
    return made


def unique(items: LocatedList, path: tuple[str, ...]) -> LocatedList:
    """The list with each identity once, as compose keeps it."""
    if path in _REPLACED:
        return items
    identity = _IDENTITY.get(path, _itself)
    places = _places(items)
    kept: dict[Hashable, tuple[Any, Any]] = {}
    for item, place in zip(items, places, strict=True):
        kept[identity(item)] = (item, place)
    return LocatedList([item for item, _ in kept.values()], at=[place for _, place in kept.values()])


def _untagged(value: Any) -> Any:
    return value.value if isinstance(value, Tagged) and value.tag == "!override" else value


def settled(value: Any) -> Any:
    """The tree without compose's own tags: what is under `!reset` goes, what is under `!override` stays."""
    if isinstance(value, Located):
        made = Located(where=value.where, at=dict(value.at))
        for key, item in value.items():
            if not (isinstance(item, Tagged) and item.tag == "!reset"):
                made[key] = settled(_untagged(item))
        return made
    if isinstance(value, LocatedList):
        return LocatedList([settled(_untagged(item)) for item in value], at=list(value.at))
    return value


def _places(items: list[Any]) -> list[Any]:
    places = list(getattr(items, "at", []))
    return places if len(places) == len(items) else [None] * len(items)
