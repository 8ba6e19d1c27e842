"""Judges a SOPS file by its text: every value encrypted, none exempt, and to whom; nothing is decrypted here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ENCRYPTED = re.compile(r"^ENC\[AES256_GCM,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:\w+\]$")
_EXEMPTING = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)
_KEY_GROUPS = ("pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "age", "key_groups")


def plain_values(tree: Any) -> list[str]:
    """The paths of values that are not encrypted. Values themselves are never returned."""
    if not isinstance(tree, dict) or not isinstance(tree.get("sops"), dict):
        return ["(the file has no sops section: nothing in it is encrypted)"]
    leaves = _leaves({key: value for key, value in tree.items() if key != "sops"}, "")
    found = [path for path, value in leaves if not (isinstance(value, str) and _ENCRYPTED.match(value))]
    if not _ENCRYPTED.match(str(tree["sops"].get("mac", ""))):
        found.append("sops.mac (without it nothing shows that values were changed)")
    return found


def exempting_rules(tree: Any) -> list[str]:
    """The rules in the file that let some values stay plain."""
    section = tree.get("sops", {}) if isinstance(tree, dict) else {}
    return [
        f"sops.{name}: {section[name]}" for name in _EXEMPTING if section.get(name) and section[name] != "_unencrypted"
    ]


def recipients(tree: Any) -> dict[str, list[str]]:
    """Whom the file is encrypted to, by kind of key."""
    section = tree.get("sops", {}) if isinstance(tree, dict) else {}
    found: dict[str, list[str]] = {}
    for kind in _KEY_GROUPS:
        for entry in section.get(kind) or ():
            name = next(
                (
                    str(entry[key])
                    for key in ("recipient", "fp", "arn", "resource_id", "name", "key_name")
                    if key in entry
                ),
                "unnamed",
            )
            found.setdefault(kind, []).append(name)
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value
