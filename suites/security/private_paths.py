"""Tells which files must stay with their owner, so that a file's mode is judged by one check and not by two."""

from __future__ import annotations

from pathlib import Path

from stack.model import Stack
from suites.security.rules import secret_values


def private_paths(stack: Stack) -> list[Path]:
    """What must stay with its owner: the age key, .env, rendered secrets, and files that compose hands out as secrets."""
    named = [stack.path(stack.profile.secrets.age_key)]
    env_file = stack.declared.folder / ".env"
    # Without a profile a .env may well be configuration that is meant to be shared; what is secret in it decides.
    if not stack.profile.is_empty or (
        env_file.is_file() and secret_values.in_env_file(env_file.read_text(errors="replace"))
    ):
        named.append(env_file)
    if stack.profile.secrets.age_key:
        named += [stack.state_dir / "secrets"]
    for entry in (stack.rendered.get("secrets") or {}).values():
        if isinstance(entry, dict) and entry.get("file"):
            named.append(stack.declared.folder / str(entry["file"]))
    return list(dict.fromkeys(path for path in named if path is not None))
